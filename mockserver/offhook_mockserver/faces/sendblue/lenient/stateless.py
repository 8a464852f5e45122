"""What operations of a lenient mock have in common: they are assumed, and accept any text where a text belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.interfaces import Ids, iso_8601
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import NO_FIELDS, Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import text, whole
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.operation import Operation

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Kind, Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Handler


_SOURCE: Final = "the types are those of Python SDK 1.33.0; what is answered is made up"

#: Any text: a number, a handle or a placeholder for one.
ANY_TEXT: Final[Kind] = text()
#: The message that a message answers.
REPLY_TO: Final[Field] = Field(
    "reply_to",
    object_of(Fields(Field("message_handle", ANY_TEXT, required=True), Field("part_index", whole(least=0)))),
)


def stateless(
    method: str,
    path: str,
    summary: str,
    handle: Handler,
    answer: Schema,
    *,
    query: Fields = NO_FIELDS,
    body: Fields | None = None,
    family: Family = Family.API,
    media_type: str = "application/json",
) -> Operation:
    """An operation that only a lenient mock answers. Its parameters in the path are any text."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return Operation(
        method=method,
        path=path,
        summary=f"{summary} No state is kept.",
        grade=Grade.ASSUMED,
        source=_SOURCE,
        handle=handle,
        parameters=Fields(*(Field(name, ANY_TEXT, required=True) for name in names)) if names else NO_FIELDS,
        query=query,
        body=body,
        answer=answer,
        family=family,
        media_type=media_type,
        lenient=True,
    )


def given(asked: Asked, name: str, default: str = "") -> str:
    """The text of a field in the path, the query or the body."""
    for values in (asked.parameters, asked.query, asked.body):
        if values.get(name) is not None:
            return cast("str", values[name])
    return default


def now(asked: Asked, *, later_s: float = 0) -> str:
    """The time of the tenant, or a later one, as Sendblue writes times."""
    return iso_8601(asked.tenant.clock.wall_s() + later_s)


def made_up(asked: Asked, what: str, digits: int = 32) -> str:
    """Hex digits that are the same for the same tenant and `what`."""
    return Ids(f"{asked.tenant.seed}/lenient/{what}").hex(digits)
