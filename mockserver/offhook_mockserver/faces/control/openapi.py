"""The OpenAPI document of the control API, made from the operations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import offhook
from offhook_mockserver.faces.control.operation import JSON, TENANT, TENANT_FIELD
from offhook_mockserver.faces.control.place import PREFIX
from offhook_mockserver.faces.control.refusals import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from offhook_mockserver.faces.control.operation import ControlOperation
    from offhook_mockserver.faces.operations.fields import Field
    from offhook_mockserver.faces.operations.kinds import Schema

#: The member of an operation that says how long its body may be, in bytes.
MOST_BYTES: Final = "x-offhook-most-bytes"
#: The member of the refusals that says what each code means.
CODES_MEMBER: Final = "x-offhook-codes"
_DESCRIPTION: Final = """\
The API with which programs of any language control a running mock: tenants, callees, faults, the journal, what was \
heard, recordings and the clock. A request has the header `Authorization: Bearer TOKEN` with the mock's control token, \
which `offhook mock --json` prints and the file of a running mock holds. Requests of web pages, and requests with keys \
of Sendblue's API, are refused. Every refusal has the same shape, and a code that stays the same between versions."""
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string", "enum": list(CODES)}, "message": {"type": "string"}},
            "required": ["code", "message"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}
#: Members of a schema with a name that belong to the place where it is used.
_BESIDE: Final = frozenset({"title", "description"})
_REFUSED: Final[Schema] = {"$ref": "#/components/responses/refused"}


def document_of(operations: Iterable[ControlOperation]) -> dict[str, object]:
    """The document of some operations, as an object of JSON."""
    paths: dict[str, dict[str, object]] = {}
    schemas: dict[str, object] = {}
    for operation in operations:
        described = _with_references(_operation(operation), schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The control API of offhook's mock",
            "version": offhook.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(path) for path in paths)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "refused": {
                    "description": "The request was refused.",
                    "content": {JSON: {"schema": _ERROR}},
                    CODES_MEMBER: {
                        name: {"status": code.status, "meaning": code.meaning} for name, code in CODES.items()
                    },
                }
            },
        },
    }


def _operation(operation: ControlOperation) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": _id(operation),
        "summary": operation.summary,
        "tags": [_tag(operation.path)],
    }
    if operation.is_open:
        described["security"] = []
    in_path = [*(TENANT_FIELD.fields if TENANT in operation.path else ()), *operation.parameters.fields]
    parameters = [_parameter(field, "path") for field in in_path]
    parameters += [_parameter(field, "query") for field in operation.query.fields]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {JSON: {"schema": operation.body.schema}}
        described["requestBody"] = {"required": operation.body.any_required, "content": content}
    elif operation.upload:
        described["requestBody"] = {"required": True, "content": {operation.upload: {}}}
    if operation.most_bytes:
        described[MOST_BYTES] = operation.most_bytes
    responses: dict[str, object] = {str(status): _answer(schema) for status, schema in operation.answers.items()}
    if operation.answer is not None:
        responses["200"] = _answer(operation.answer, operation.media_type)
    elif operation.media_type != JSON:
        responses["200"] = {"description": "Done.", "content": {operation.media_type: {}}}
    described["responses"] = {**dict(sorted(responses.items())), "4XX": _REFUSED, "5XX": _REFUSED}
    return described


def _with_references(value: object, schemas: dict[str, object]) -> object:
    """`value` with a reference in place of each schema that has a name; these are added to `schemas`."""
    if isinstance(value, list | tuple):
        return [_with_references(each, schemas) for each in cast("Sequence[object]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, object]", value)
    name = members.get("title")
    if not isinstance(name, str):
        return {key: _with_references(member, schemas) for key, member in members.items()}
    own = {key: _with_references(member, schemas) for key, member in members.items() if key not in _BESIDE}
    assert schemas.setdefault(name, own) == own, f"two schemas have the name {name}"
    return {"$ref": f"#/components/schemas/{name}", **{key: members[key] for key in ("description",) if key in members}}


def _answer(schema: Schema, media_type: str = JSON) -> dict[str, object]:
    return {"description": "Done.", "content": {media_type: {"schema": schema}}}


def _parameter(field: Field, place: str) -> dict[str, object]:
    schema = {name: value for name, value in field.schema.items() if name != "description"}
    parameter: dict[str, object] = {"name": field.name, "in": place, "required": field.required, "schema": schema}
    return {**parameter, "description": field.summary} if field.summary else parameter


def _id(operation: ControlOperation) -> str:
    words = re.findall("[a-z0-9]+", operation.path.removeprefix(PREFIX).lower()) or ["mock"]
    return "_".join([operation.method.lower(), *words])


def _tag(path: str) -> str:
    """What a path is about: the part after the tenant, or the first one."""
    parts = path.removeprefix(TENANT if path.startswith(f"{TENANT}/") else PREFIX).strip("/").split("/")
    return parts[0] or "mock"
