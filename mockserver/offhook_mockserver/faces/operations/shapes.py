"""Short forms for the JSON Schema of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.operations.fields import GRADE, SOURCE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from offhook.session import Grade
    from offhook_mockserver.faces.operations.kinds import Schema


TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
ANYTHING: Final[Schema] = {}
#: ``"status": "OK"``.
OK: Final[Schema] = {"type": "string", "const": "OK"}


def an_object(members: Mapping[str, Schema], *, optional: Collection[str] = (), more: bool = False) -> Schema:
    """An object.

    Args:
        members: the schema of each member.
        optional: the members that may be missing.
        more: whether it may have others.
    """
    schema: dict[str, object] = {"type": "object", "properties": dict(members)}
    if required := [name for name in members if name not in optional]:
        schema["required"] = required
    if not more:
        schema["additionalProperties"] = False
    return schema


def a_list(item: Schema) -> Schema:
    """A list of values of one schema."""
    return {"type": "array", "items": item}


def a_map(value: Schema) -> Schema:
    """An object with any names and values of one schema."""
    return {"type": "object", "additionalProperties": value}


def choice(*values: str) -> Schema:
    """One of some texts."""
    return {"type": "string", "enum": list(values)}


def nullable(schema: Schema) -> Schema:
    """What `schema` accepts, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def about(schema: Schema, summary: str = "", *, grade: Grade | None = None, source: str = "") -> Schema:
    """`schema` with a sentence about it, and how certain it is; by default, as certain as the whole operation."""
    more: dict[str, object] = {}
    if summary:
        more["description"] = summary
    if grade is not None:
        more[GRADE] = grade.value
    if source:
        more[SOURCE] = source
    return {**schema, **more}
