"""The messages of an account: their status, one, and lists of them, page by page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import flag, iso_8601, one_of, text
from offhook_mockserver.faces.operations.shapes import FLAG, OK, WHOLE, a_list, about, an_object
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.bounded import NOT_FOUND, limit_field, offset_field
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.message_shapes import ACCEPTED, LISTED, STATUSES
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.tenants.account.message_search import ORDERS, MessageSearch
from offhook_mockserver.tenants.account.recipients import SERVICES

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.account.message import Message


_SDK: Final = "Python SDK 1.33.0"
#: How many messages a page has by default, and at most. Assumed.
_PAGE: Final = 50
_MOST: Final = 100
TOO_OFTEN: Final = ApiRefusal(429, Grade.DOCUMENTED)
_HANDLE: Final = text(least=1, most=200)
_ANY: Final = text(most=254)
_TIMES: Final = ("created", "sent", "updated")
#: The filters whose values are compared as they are.
_EQUAL: Final = (
    "number",
    "from_number",
    "to_number",
    "sendblue_number",
    "is_outbound",
    "status",
    "service",
    "message_type",
    "group_id",
)
_QUERY: Final = Fields(
    Field("number", _ANY, summary="Only messages from or to this number."),
    Field("from_number", _ANY, summary="Only messages from this number."),
    Field("to_number", _ANY, summary="Only messages to this number."),
    Field("sendblue_number", _ANY, summary="Only messages of this line."),
    Field("is_outbound", flag, summary="Only messages that the account has sent, or only those that it received."),
    Field("status", one_of(*STATUSES), summary="Only messages with this status."),
    Field("service", one_of(*SERVICES), summary="Only messages of this service."),
    Field("message_type", one_of("message", "group"), summary="Only messages of this type. The mock has no groups."),
    Field("group_id", _ANY, summary="Only messages of this group. The mock has no groups."),
    Field("account_email", _ANY, summary="Only messages of this account."),
    Field("worker_id", _ANY, summary="Only messages of the line that this worker serves."),
    *(
        Field(f"{what}_at_{end}", iso_8601, summary=f"Only messages that were {what} at this time or {when}.")
        for what in _TIMES
        for end, when in (("gte", "later"), ("lte", "earlier"))
    ),
    Field("order_by", one_of(*ORDERS), default="createdAt", summary="What messages are ordered by."),
    Field("order_direction", one_of("asc", "desc"), default="desc", summary="That the latest are first is assumed."),
    limit_field(_PAGE, _MOST, "messages"),
    offset_field("messages"),
)


def operations() -> tuple[Operation, ...]:
    """The operations that read messages."""
    return (
        Operation(
            method="GET",
            path="/api/status",
            summary="The status of a message that the account has sent.",
            grade=Grade.OBSERVED,
            source=_SDK,
            query=Fields(Field("handle", _HANDLE, required=True, summary="The handle of the message.")),
            answer=ACCEPTED,
            family=Family.MESSAGING,
            scoped=Scoped.LINES,
            handle=_status,
        ),
        Operation(
            method="GET",
            path="/api/v2/messages",
            summary="Messages of the account, sent and received, page by page.",
            grade=Grade.OBSERVED,
            source=_SDK,
            query=_QUERY,
            answer=an_object(
                {
                    "status": OK,
                    "data": a_list(LISTED),
                    "pagination": an_object(
                        {
                            "total": about(WHOLE, "How many messages match."),
                            "limit": WHOLE,
                            "offset": WHOLE,
                            "hasMore": FLAG,
                        }
                    ),
                }
            ),
            scoped=Scoped.LINES,
            handle=_list,
        ),
        Operation(
            method="GET",
            path="/api/v2/messages/{message_id}",
            summary="One message.",
            grade=Grade.OBSERVED,
            source=_SDK,
            parameters=Fields(Field("message_id", _HANDLE, required=True, summary="The handle of the message.")),
            answer=an_object({"status": OK, "data": LISTED}),
            scoped=Scoped.LINES,
            handle=_retrieve,
        ),
    )


def _status(asked: Asked) -> object:
    message = _found(asked, cast("str", asked.query["handle"]))
    if not message.is_outbound:
        raise RequestRefused(NOT_FOUND, "that message was received: only messages that were sent have a status")
    return message.accepted(asked.tenant.account.email)


def _retrieve(asked: Asked) -> object:
    message = _found(asked, cast("str", asked.parameters["message_id"]))
    return {"status": "OK", "data": message.listed(asked.tenant.account.email)}


def _found(asked: Asked, handle: str) -> Message:
    messages = asked.tenant.account.messages
    message = messages.get(handle)
    if message is None and asked.lenient:
        return messages.send("+15555550100", "", asked.lines[0], handle=handle)
    if message is None or (message.line not in asked.lines and not asked.lenient):
        raise RequestRefused(NOT_FOUND, "this account has no message with that handle")
    return message


def _list(asked: Asked) -> object:
    account, query = asked.tenant.account, asked.query
    if asked.tenant.settings.enforce_limits and (wait_s := account.message_lists.take()):
        headers = {"retry-after": str(math.ceil(wait_s))}
        raise RequestRefused(TOO_OFTEN, "messages may be listed 100 times in 10 s", headers=headers)
    offset, limit = cast("int", query["offset"]), min(cast("int", query["limit"]), _MOST)
    parts: dict[str, Any] = {name: query.get(name) for name in _EQUAL}
    parts |= {what: (query.get(f"{what}_at_gte"), query.get(f"{what}_at_lte")) for what in _TIMES}
    total, page = MessageSearch(lines=_lines(asked), **parts).page(
        account.messages,
        order_by=cast("str", query["order_by"]),
        descending=query["order_direction"] == "desc",
        offset=offset,
        limit=limit,
    )
    return {
        "status": "OK",
        "data": [message.listed(account.email) for message in page],
        "pagination": {"total": total, "limit": limit, "offset": offset, "hasMore": offset + len(page) < total},
    }


def _lines(asked: Asked) -> tuple[str, ...] | None:
    """The lines whose messages are listed; None for all."""
    account, query = asked.tenant.account, asked.query
    if query.get("account_email") not in {None, account.email}:
        return ()
    is_limited = asked.token is not None and bool(asked.token.lines)
    worker = query.get("worker_id")
    if worker is not None:
        return tuple(line for line in asked.lines if account.lines.worker_id(line) == worker)
    return asked.lines if is_limited else None
