"""Shows a contact that the account is typing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import contact, e164_number, one_of, whole
from offhook_mockserver.faces.operations.shapes import TEXT, about, an_object, choice, nullable
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.faces.sendblue.own_lines import check_own_line

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


#: Public code has seen the beginning of its text.
NO_CHAT: Final = ApiRefusal(400, Grade.OBSERVED)


def operations() -> tuple[Operation, ...]:
    """The typing indicator."""
    return (
        Operation(
            method="POST",
            path="/api/send-typing-indicator",
            summary="Show a contact that the account is typing. There must have been a message before.",
            grade=Grade.DOCUMENTED,
            source="Sendblue's guide to typing indicators, Python SDK 1.33.0",
            body=Fields(
                Field("number", contact, required=True, summary="The contact."),
                Field(
                    "from_number",
                    e164_number,
                    summary="A line of the account; by default, the one with the last message to or from the contact.",
                ),
                Field("state", one_of("start", "stop"), default="start"),
                Field("max_duration_ms", whole(least=0), summary="After how long it is no longer shown."),
            ),
            answer=an_object(
                {
                    "status": choice("SENT"),
                    "number": TEXT,
                    "error_message": about(nullable(TEXT), "Null: an error is a refusal."),
                }
            ),
            family=Family.MESSAGING,
            scoped=Scoped.LINES,
            number="number",
            check=_check,
            handle=lambda asked: {"status": "SENT", "number": asked.body["number"], "error_message": None},
        ),
    )


def _check(asked: Asked) -> None:
    number, line = cast("str", asked.body["number"]), cast("str | None", asked.body.get("from_number"))
    if line is not None:
        check_own_line(asked, line, "from_number")
    lines = asked.lines if line is None else (line,)
    if not asked.lenient and asked.tenant.account.activity.line_with(number, lines) is None:
        raise RequestRefused(NO_CHAT, "No route mapping: exchange a message with this contact first")
