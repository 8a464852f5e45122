"""``POST /api/send-message``: queues a message to one number or e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import contact, e164_number, flag, one_of, text, url, whole
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.message_shapes import ACCEPTED, SEND_STYLES
from offhook_mockserver.faces.sendblue.operation import Answer, Note, Operation, Scoped
from offhook_mockserver.faces.sendblue.own_lines import check_own_line
from offhook_mockserver.tenants.account.activity import DAILY_LIMIT, HOURLY_LIMIT
from offhook_mockserver.tenants.account.message import MOST_CONTENT

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


#: Sendblue documents the name of the reason, `OPTED_OUT`.
OPTED_OUT: Final = ApiRefusal(400, Grade.OBSERVED)
_BLACKLISTED: Final = 4002
#: The SDK documents status, code and names of the reasons, for messages whose line Sendblue chooses.
LINE_LIMIT: Final = ApiRefusal(400, Grade.OBSERVED)
_LIMITED: Final = 429
NO_SEAT: Final = ApiRefusal(400, Grade.OBSERVED)
NO_TARGET: Final = ApiRefusal(400, Grade.ASSUMED)

_LAYOUT: Final = tuple(
    "caption subcaption summary imageTitle imageSubtitle imageUrl trailingCaption trailingSubcaption".split()
)
_APP_CARD: Final = Fields(
    Field("appName", text(), required=True),
    Field("extensionBundleId", text(), required=True),
    Field("layout", object_of(Fields(*(Field(name, text()) for name in _LAYOUT))), required=True),
    Field("teamId", text(), required=True),
    Field("url", text(), required=True),
    Field("appStoreId", whole(least=0)),
    Field("fallbackText", text()),
    Field("interactive", flag),
    Field("sessionIdentifier", text()),
)
_REPLY_TO: Final = Fields(
    Field("message_handle", text(least=1, most=200), required=True), Field("part_index", whole(least=0))
)
_BODY: Final = Fields(
    Field("number", contact, required=True, summary="Whom it goes to: an E.164 number or an e-mail address."),
    Field(
        "content",
        text(most=MOST_CONTENT, exact=True),
        summary="Its text; needed unless there is a media_url or an app_card. How long it may be is assumed.",
    ),
    Field("media_url", url, summary="Where media is that is sent with it. The mock does not fetch it."),
    Field("app_card", object_of(_APP_CARD), summary="An app card."),
    Field(
        "from_number",
        e164_number,
        summary="A line of the account; by default, the one that last exchanged a message with the contact, or else "
        "the first that is online.",
    ),
    Field("send_style", one_of(*SEND_STYLES), summary="The effect that it is shown with."),
    Field("reply_to", object_of(_REPLY_TO), summary="A message with the same contact that it answers."),
    Field("seat_id", text(least=1, most=200), summary="The seat that sends it."),
    Field("status_callback", url, summary="Where changes of its status are posted."),
    Field("pre_reply_override", flag, summary="Accepted, and without effect."),
    any_of=("content", "media_url", "app_card"),
)


def operations() -> tuple[Operation, ...]:
    """The operation that sends a message."""
    return (
        Operation(
            method="POST",
            path="/api/send-message",
            summary="Queue a message; it is sent and delivered shortly after.",
            grade=Grade.DOCUMENTED,
            source="Sendblue's page about sending messages, Python SDK 1.33.0",
            body=_BODY,
            answer=ACCEPTED,
            family=Family.MESSAGING,
            scoped=Scoped.LINES,
            number="number",
            check=_check,
            handle=_send,
        ),
    )


def _check(asked: Asked) -> None:
    body, account = asked.body, asked.tenant.account
    number, line = cast("str", body["number"]), cast("str | None", body.get("from_number"))
    if line is not None:
        check_own_line(asked, line, "from_number")
    if account.recipients.of(number).opted_out:
        raise RequestRefused(
            OPTED_OUT,
            "the contact has opted out of messages",
            error_code=_BLACKLISTED,
            error_key="OPTED_OUT",
        )
    if not asked.lenient:
        if "seat_id" in body and account.seats.find(cast("str", body["seat_id"])) is None:
            raise RequestRefused(NO_SEAT, "seat_id is not a seat of this account")
        if "reply_to" in body:
            _check_target(asked, number, line)
    if asked.tenant.settings.enforce_limits:
        _check_limits(asked, number, line)


def _check_target(asked: Asked, number: str, line: str | None) -> None:
    target = asked.tenant.account.messages.get(_reply_to(asked)[0] or "")
    if target is None or target.number != number or line not in {None, target.line} or target.line not in asked.lines:
        problem = "reply_to.message_handle is not a message with this contact on this line"
        raise RequestRefused(NO_TARGET, problem)


def _check_limits(asked: Asked, number: str, line: str | None) -> None:
    activity = asked.tenant.account.activity
    lines = (line,) if line is not None else asked.tenant.account.lines.usable(asked.lines)
    if any(activity.is_known(each, number) for each in lines):
        return
    with_room = [each for each in lines if len(activity.in_last_hour(each)) < HOURLY_LIMIT]
    if not with_room:
        raise _limited(f"{HOURLY_LIMIT} new contacts in an hour", "LINE_HOURLY_LIMIT_REACHED")
    if all(len(activity.today(each)) >= DAILY_LIMIT for each in with_room):
        raise _limited(f"{DAILY_LIMIT} new contacts in a day", "LINE_DAILY_LIMIT_REACHED")


def _limited(what: str, key: str) -> RequestRefused:
    return RequestRefused(LINE_LIMIT, f"a line may send to {what}", error_code=_LIMITED, error_key=key)


def _send(asked: Asked) -> Answer:
    body, account = asked.body, asked.tenant.account
    number = cast("str", body["number"])
    line = cast("str | None", body.get("from_number")) or _line_for(asked, number)
    reply_to, reply_part = _reply_to(asked)
    message = account.messages.send(
        number,
        cast("str", body.get("content", "")),
        line,
        media_url=cast("str", body.get("media_url", "")),
        send_style=cast("str", body.get("send_style", "")),
        reply_to=reply_to,
        reply_part=reply_part,
        app_card=cast("Any", body.get("app_card")),
        status_callback=cast("str", body.get("status_callback", "")),
        **_seat(asked),
    )
    note = Note(text="message queued", fields={"message_handle": message.handle})
    return Answer(body=message.accepted(account.email), note=note)


def _line_for(asked: Asked, number: str) -> str:
    """The line that sends a message that names none."""
    account = asked.tenant.account
    target = account.messages.get(_reply_to(asked)[0] or "")
    if target is not None and target.line in asked.lines:
        return target.line
    usable = account.lines.usable(asked.lines) or asked.lines
    known = account.activity.line_with(number, usable)
    if known is not None:
        return known

    def has_room(line: str) -> bool:
        activity = account.activity
        return len(activity.in_last_hour(line)) < HOURLY_LIMIT and len(activity.today(line)) < DAILY_LIMIT

    with_room = (line for line in usable if has_room(line))
    return next(with_room, usable[0]) if asked.tenant.settings.enforce_limits else usable[0]


def _reply_to(asked: Asked) -> tuple[str | None, int | None]:
    given = cast("dict[str, object]", asked.body.get("reply_to", {}))
    return cast("str | None", given.get("message_handle")), cast("int | None", given.get("part_index"))


def _seat(asked: Asked) -> dict[str, str]:
    id = cast("str | None", asked.body.get("seat_id"))
    if id is None:
        return {}
    seat = asked.tenant.account.seats.find(id)
    return {"seat_id": id} if seat is None else {"seat_id": seat.id, "sender_email": seat.email}
