"""Messages of a tenant's account: those that it has sent, those that arrive because a test wants it, and recipients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import contact, e164_number, either, flag, null, one_of, text, whole
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, WHOLE, a_list, about, an_object, named, nullable
from offhook_mockserver.tenants.account.recipients import SEND_FAILED, SERVICES

if TYPE_CHECKING:
    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema

_MOST_SHOWN: Final = 1_000
_MOST_CONTENT: Final = 20_000
_FROM: Final = Field("from_number", contact, required=True, summary="Who sends it: a number or an e-mail address.")
_LINE: Final = Field("line", e164_number, summary="The line that it arrives at; by default, the first one.")
_MESSAGE: Final[Schema] = named(
    "Message",
    an_object(
        {
            "message_handle": about(TEXT, "Its id."),
            "is_outbound": about(FLAG, "Whether the account has sent it."),
            "number": about(TEXT, "The other side."),
            "sendblue_number": about(TEXT, "The line."),
            "content": about(TEXT, "Its text."),
            "media_url": about(TEXT, "What is attached, or empty."),
            "status": about(TEXT, "Its status, as Sendblue's API has it."),
            "service": about(TEXT, "iMessage, SMS or RCS."),
            "error_code": about(nullable(WHOLE), "Why it could not be sent; null if it could."),
        },
        more=True,
    ),
)
_RECIPIENT: Final[Schema] = named(
    "Recipient",
    an_object(
        {
            "number": TEXT,
            "opted_out": about(FLAG, "Whether messages to it are refused."),
            "service": about(TEXT, "The service that reaches it; empty if a look-up does not find out."),
            "error_code": about(nullable(WHOLE), "The code with which messages to it fail; null if none does."),
            "error_message": TEXT,
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on messages."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/messages",
            summary="List the messages of the account, oldest first, with the members that Sendblue's API lists.",
            query=Fields(
                Field("number", contact, summary="Only messages with this other side."),
                Field("outbound", flag, summary="Only those that the account has sent, or has not."),
                Field("limit", whole(least=1, most=_MOST_SHOWN), default=100, summary="The latest ones, at most."),
                extra=False,
            ),
            answer=an_object({"messages": a_list(_MESSAGE)}),
            handle=_list,
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/messages",
            summary="Let a message arrive: clients get its event, and webhooks of the type `receive`.",
            body=Fields(
                _FROM,
                Field("content", text(most=_MOST_CONTENT), default="", summary="Its text; STOP opts its sender out."),
                _LINE,
                Field("media_url", text(most=2_048), default="", summary="What is attached."),
                Field("service", one_of(*SERVICES), default=SERVICES[0], summary="How it arrives."),
                extra=False,
            ),
            answers={201: _MESSAGE},
            handle=_receive,
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/typing",
            summary="Let a contact begin or stop to type: clients get the event, and webhooks of `typing_indicator`.",
            body=Fields(
                _FROM,
                Field("is_typing", flag, default=True, summary="Whether it types from now on."),
                _LINE,
                extra=False,
            ),
            answer=an_object({}),
            handle=_typing,
        ),
        ControlOperation(
            method="GET",
            path=f"{TENANT}/recipients/{{number}}",
            summary="Show what becomes of messages to a recipient.",
            parameters=Fields(Field("number", contact, required=True, summary="A number or an e-mail address.")),
            answer=_RECIPIENT,
            handle=_recipient,
        ),
        ControlOperation(
            method="PATCH",
            path=f"{TENANT}/recipients/{{number}}",
            summary="Change what becomes of messages to a recipient; by default, all are delivered as iMessages.",
            parameters=Fields(Field("number", contact, required=True, summary="A number or an e-mail address.")),
            body=Fields(
                Field("opted_out", flag, summary="Whether messages to it are refused."),
                Field("service", either(one_of(*SERVICES), null), summary="What reaches it; null: a look-up fails."),
                Field(
                    "error_code",
                    either(whole(least=0, most=10**9), null),
                    summary=f"The code with which messages fail, such as {SEND_FAILED}; null: they are delivered.",
                ),
                Field("error_message", text(most=1_000), summary="The same in words; with `error_code`."),
                extra=False,
            ),
            answer=_RECIPIENT,
            handle=_change_recipient,
        ),
    )


def _list(asked: Asked) -> object:
    account, query = asked.tenant.account, asked.query
    number, outbound = query.get("number"), query.get("outbound")
    found = [
        message
        for message in account.messages
        if number in {None, message.number} and outbound in {None, message.is_outbound}
    ]
    return {"messages": [message.listed(account.email) for message in found[-cast("int", query["limit"]) :]]}


def _receive(asked: Asked) -> Response:
    account, body = asked.tenant.account, asked.body
    message = account.messages.receive(
        str(body["from_number"]),
        str(body["content"]),
        line=cast("str | None", body.get("line")),
        media_url=str(body["media_url"]),
        service=str(body["service"]),
    )
    return JsonAnswer(message.listed(account.email), 201)


def _typing(asked: Asked) -> object:
    body = asked.body
    asked.tenant.account.messages.typing(
        str(body["from_number"]), bool(body["is_typing"]), line=cast("str | None", body.get("line"))
    )
    return {}


def _recipient(asked: Asked) -> object:
    recipient = asked.tenant.account.recipients.of(asked.text("number"))
    return {
        "number": recipient.number,
        "opted_out": recipient.opted_out,
        "service": recipient.service,
        "error_code": recipient.error_code,
        "error_message": recipient.error_message,
    }


def _change_recipient(asked: Asked) -> object:
    recipients, number, body = asked.tenant.account.recipients, asked.text("number"), asked.body
    if "opted_out" in body:
        recipients.opt_out(number, bool(body["opted_out"]))
    if "service" in body:
        recipients.set_service(number, cast("str | None", body["service"]))
    if body.get("error_code") is not None:
        words = {"error_message": str(body["error_message"])} if "error_message" in body else {}
        recipients.fail(number, cast("int", body["error_code"]), **words)
    elif "error_code" in body:
        recipients.deliver(number)
    return _recipient(asked)
