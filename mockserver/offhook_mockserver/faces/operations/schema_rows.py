"""An operation of an OpenAPI document as tables: one row for each field of what is asked and answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from offhook_mockserver.faces.operations.fields import GRADE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from offhook_mockserver.faces.operations.kinds import Schema


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field.

    Attributes:
        name: its name, after those of what it is in, with dots between.
        type: what its value is, for people.
        required: whether it is always there.
        grade: how certain it is.
        source: who says so.
        summary: what it is for.
    """

    name: str
    type: str
    required: bool
    grade: str
    source: str
    summary: str


def rows_of(operation: Mapping[str, object]) -> Iterator[tuple[str, list[FieldRow]]]:
    """The tables of an operation, each with its title."""
    parameters = cast("list[Mapping[str, object]]", operation.get("parameters", []))
    for place in ("path", "query"):
        yield f"in the {place}", [_parameter(each) for each in parameters if each["in"] == place]
    body = cast("Mapping[str, object] | None", operation.get("requestBody"))
    if body is not None:
        yield "in the body", list(_fields(_schema_of(body)))
    for status, answer in cast("Mapping[str, Mapping[str, object]]", operation["responses"]).items():
        if status.isdigit() and "content" in answer:
            yield f"in the answer with {status}", list(_fields(_schema_of(answer)))


def _schema_of(holder: Mapping[str, object]) -> Schema:
    content = cast("Mapping[str, Mapping[str, Schema]]", holder["content"])
    return next(iter(content.values()))["schema"]


def _parameter(parameter: Mapping[str, object]) -> FieldRow:
    schema = cast("Schema", parameter["schema"])
    return _row(str(parameter["name"]), schema, bool(parameter["required"]), parameter)


def _row(name: str, schema: Schema, required: bool, described: Mapping[str, object]) -> FieldRow:
    summary = str(described.get("description", ""))
    default = schema.get("default")
    if default is not None:
        summary = f"{summary} By default {default}.".strip()
    return FieldRow(name, type_of(schema), required, str(described[GRADE]), str(described[SOURCE]), summary)


def _fields(schema: Schema, prefix: str = "") -> Iterator[FieldRow]:
    """The fields of an object, or of the objects in a list; those of objects in it below them."""
    if schema.get("type") == "array":
        yield from _fields(cast("Schema", schema["items"]), f"{prefix.removesuffix('.')}[].")
        return
    for each in cast("list[Schema]", schema.get("anyOf", [])):
        yield from _fields(each, prefix)
    required = cast("list[str]", schema.get("required", []))
    for name, value in cast("Mapping[str, Schema]", schema.get("properties", {})).items():
        yield _row(f"{prefix}{name}", value, name in required, value)
        yield from _fields(value, f"{prefix}{name}.")


def type_of(schema: Schema) -> str:
    """What a schema accepts, for people."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(each) for each in cast("list[Schema]", schema["anyOf"])))
    if "const" in schema:
        return repr(schema["const"]).replace("'", '"')
    if "enum" in schema:
        return ", ".join(f'"{value}"' for value in cast("list[object]", schema["enum"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {type_of(cast('Schema', schema['items']))}"
    if isinstance(kind, list):
        return " or ".join(cast("list[str]", kind))
    if "format" in schema:
        return f"{kind} ({schema['format']})"
    return str(kind)
