"""Where the cellular calls that arrive at a line are forwarded to. No FaceTime call is forwarded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import phone_number
from offhook_mockserver.faces.operations.shapes import TEXT, about, an_object, nullable
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.faces.sendblue.own_lines import check_own_line

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked, Handler


_ANSWER: Final[Schema] = an_object(
    {
        "sendblue_number": TEXT,
        "forwarding_number": about(nullable(TEXT), "Where calls are forwarded to; null if they are not."),
    }
)
_FORWARDING: Final = Fields(
    Field("forwarding_number", phone_number, required=True, summary="Kept as an E.164 number."),
)


def operations() -> tuple[Operation, ...]:
    """The operations on the forwarding of a line's calls."""

    def operation(method: str, summary: str, handle: Handler, body: Fields | None = None) -> Operation:
        return Operation(
            method=method,
            path="/api/lines/{number}/call-forwarding",
            summary=summary,
            grade=Grade.OBSERVED,
            source="Python SDK 1.33.0",
            parameters=Fields(Field("number", phone_number, required=True, summary="A line of the account.")),
            body=body,
            answer=_ANSWER,
            scoped=Scoped.LINES,
            check=lambda asked: check_own_line(asked, _line(asked), "number", NOT_FOUND),
            handle=handle,
        )

    return (
        operation("GET", "Where calls to a line are forwarded to.", _answer),
        operation("PUT", "Forward calls to a line.", _set, _FORWARDING),
        operation("DELETE", "Forward calls to a line no longer.", _clear),
    )


def _set(asked: Asked) -> object:
    asked.tenant.account.lines.forward(_line(asked), cast("str", asked.body["forwarding_number"]))
    return _answer(asked)


def _clear(asked: Asked) -> object:
    asked.tenant.account.lines.forward(_line(asked), None)
    return _answer(asked)


def _answer(asked: Asked) -> object:
    state = asked.tenant.account.lines.of(_line(asked))
    return {"sendblue_number": state.line, "forwarding_number": state.forwarding}


def _line(asked: Asked) -> str:
    return cast("str", asked.parameters["number"])
