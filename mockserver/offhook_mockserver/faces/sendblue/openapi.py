"""The OpenAPI document of Sendblue's API as the mock answers it, made from the operations.

Every operation and every field carries how certain it is that Sendblue does the same, and who says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import offhook
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import GRADE, SOURCE
from offhook_mockserver.faces.sendblue.families import REFUSALS, Family
from offhook_mockserver.faces.sendblue.operation import Scoped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook_mockserver.faces.operations.fields import Field, Fields
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Operation


SCOPE: Final = "x-offhook-scope"
LENIENT: Final = "x-offhook-lenient"

_DESCRIPTION: Final = """\
What offhook's mock answers. This document is offhook's, not Sendblue's: Sendblue has not published one.

Every operation and every field has a grade, `x-offhook-grade`, and its source, `x-offhook-source`: `documented` is \
what Sendblue's documentation says; `observed` is what its official clients send or expect; `assumed` is neither, and \
Sendblue may do otherwise. All refusals are assumed."""
_ASSUMED: Final[Mapping[str, str]] = {GRADE: Grade.ASSUMED.value, SOURCE: "assumed"}
#: The parts of a path that say nothing of what it is about.
_PREFIXES: Final = frozenset({"", "api", "v2", "v3"})
_KEYS: Final[Mapping[str, list[str]]] = {"keyId": [], "secretKey": []}
_TOKEN: Final[Mapping[str, list[str]]] = {"token": []}
_STATUS_TEXT: Final[Mapping[int, str]] = {200: "The answer to a good request.", 204: "Done; the answer has no body."}


def document_of(operations: Iterable[Operation]) -> dict[str, object]:
    """The document of some operations, as an object of JSON."""
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        for path in operation.paths:
            paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sendblue's API, as offhook's mock answers it",
            "version": offhook.__version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [_KEYS, _TOKEN],
        "tags": [{"name": name} for name in sorted({_tag(path) for path in paths})],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "keyId": {"type": "apiKey", "in": "header", "name": "sb-api-key-id"},
                "secretKey": {"type": "apiKey", "in": "header", "name": "sb-api-secret-key"},
                "token": {"type": "http", "scheme": "bearer"},
            },
            "responses": {family.value: _refusal(family) for family in Family},
        },
    }


def _operation(operation: Operation, path: str) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": _id(operation.method, path),
        "summary": operation.summary,
        "tags": [_tag(path)],
        GRADE: operation.grade.value,
        SOURCE: operation.source,
        SCOPE: operation.scoped.value,
    }
    if operation.lenient:
        described[LENIENT] = True
    if operation.scoped is Scoped.KEYS:
        described["security"] = [_KEYS]
    parameters = _parameters(operation, operation.parameters, "path")
    parameters += _parameters(operation, operation.query, "query")
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body.any_required,
            "content": {"application/json": {"schema": _graded(operation.body.schema, operation)}},
        }
    answers = dict(operation.answers)
    if operation.answer is not None or not answers:
        answers = {200: operation.answer, **answers}
    responses: dict[str, object] = {
        str(status): _answer(operation, status, schema) for status, schema in sorted(answers.items())
    }
    family = {"$ref": f"#/components/responses/{operation.family.value}"}
    described["responses"] = {**responses, "4XX": family, "5XX": family}
    return described


def _answer(operation: Operation, status: int, schema: Schema | None) -> dict[str, object]:
    answer: dict[str, object] = {"description": _STATUS_TEXT.get(status, "Another answer to a good request.")}
    if schema is not None:
        answer["content"] = {operation.media_type: {"schema": _graded(schema, operation)}}
    return answer


def _refusal(family: Family) -> dict[str, object]:
    schema: Schema = REFUSALS[family]
    if family not in {Family.API, Family.FACETIME}:
        # What the guard refuses has this shape everywhere: it does not know operations.
        schema = {"anyOf": [schema, REFUSALS[Family.API]]}
    return {
        "description": "The request was refused.",
        "content": {"application/json": {"schema": _with_grade(schema, _ASSUMED)}},
    }


def _parameters(operation: Operation, fields: Fields, place: str) -> list[dict[str, object]]:
    return [_parameter(operation, field, place) for field in fields.fields]


def _parameter(operation: Operation, field: Field, place: str) -> dict[str, object]:
    schema = {name: value for name, value in field.schema.items() if name not in {GRADE, SOURCE, "description"}}
    parameter: dict[str, object] = {"name": field.name, "in": place, "required": field.required or place == "path"}
    if field.summary:
        parameter["description"] = field.summary
    if place == "query" and schema.get("type") == "array":
        parameter["style"], parameter["explode"] = "form", False
    inherited = {GRADE: operation.grade.value, SOURCE: operation.source}
    return {**parameter, "schema": schema, **_own_grade(field.schema, inherited)}


def _graded(schema: Schema, operation: Operation) -> Schema:
    return _with_grade(schema, {GRADE: operation.grade.value, SOURCE: operation.source})


def _with_grade(schema: Schema, inherited: Mapping[str, str]) -> Schema:
    """`schema` with a grade at each property, its own or that of what holds it."""
    given = dict(schema)
    if "properties" in given:
        properties = cast("Mapping[str, Schema]", given["properties"])
        given["properties"] = {name: _property(value, inherited) for name, value in properties.items()}
    if "items" in given:
        given["items"] = _with_grade(cast("Schema", given["items"]), inherited)
    if isinstance(given.get("additionalProperties"), dict):
        given["additionalProperties"] = _with_grade(cast("Schema", given["additionalProperties"]), inherited)
    for name in ("anyOf", "oneOf", "allOf"):
        if name in given:
            given[name] = [_with_grade(each, inherited) for each in cast("list[Schema]", given[name])]
    return given


def _property(schema: Schema, inherited: Mapping[str, str]) -> Schema:
    own = _own_grade(schema, inherited)
    return {**_with_grade(schema, own), **own}


def _own_grade(schema: Schema, inherited: Mapping[str, str]) -> dict[str, str]:
    if GRADE not in schema:
        return {**inherited, **({SOURCE: str(schema[SOURCE])} if SOURCE in schema else {})}
    grade = str(schema[GRADE])
    # An assumption has no source; any other grade of its own has the source of what holds it.
    source = "assumed" if grade == Grade.ASSUMED.value else inherited[SOURCE]
    return {GRADE: grade, SOURCE: str(schema.get(SOURCE, source))}


def _id(method: str, path: str) -> str:
    words = re.findall("[a-z0-9]+", path.lower())
    return "_".join([method.lower(), *words])


def _tag(path: str) -> str:
    return next((part for part in path.split("/") if part not in _PREFIXES and not part.startswith("{")), "api")
