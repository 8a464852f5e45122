"""The events of Sendblue's webhooks as values.

Sendblue documents little of what is in them: of a call log, `disposition` and `transcript`; of the other events of
calls, nothing. So every field may be missing, values are as they were sent, and what is not known is kept in `extra`.
"""

from __future__ import annotations

import datetime
import types
from collections.abc import Mapping  # noqa: TC003 - the types of fields are looked up
from dataclasses import dataclass, field, fields
from typing import Final, cast, get_args, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What every event has. No value is shown by `repr`, since events hold what people said.

    Attributes:
        type: Sendblue's name for what it is about, such as ``call_log``.
        account_email: the account.
        extra: every field that has no attribute here, and those whose value is of another type than the attribute's.
    """

    type: str
    account_email: str | None = field(default=None, repr=False)
    extra: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent(WebhookEvent):
    """What the events of calls have in common; all of it is assumed but for `disposition` and `transcript`.

    Attributes:
        call_id: the carrier's name for the call; of a call of ours, its channel (assumed).
        direction: ``outbound`` or ``inbound``.
        from_number: who called.
        to_number: who was called.
        sendblue_number: the line of the account.
        disposition: how the call ended; documented are ``connected``, ``not_answered`` and ``voicemail``.
        date_started: when the call began, ISO 8601.
        date_answered: when it was answered.
        date_ended: when it ended.
        duration: how long it was up, in seconds.
        transcript: what was said.
        recording_url: where the recording is.
    """

    call_id: str | None = None
    direction: str | None = None
    from_number: str | None = field(default=None, repr=False)
    to_number: str | None = field(default=None, repr=False)
    sendblue_number: str | None = field(default=None, repr=False)
    disposition: str | None = None
    date_started: str | None = None
    date_answered: str | None = None
    date_ended: str | None = None
    duration: int | float | None = None
    transcript: str | None = field(default=None, repr=False)
    recording_url: str | None = field(default=None, repr=False)


class CallLog(CallEvent):
    """There is a log of a call (``call_log``)."""

    __slots__ = ()


class InboundCall(CallEvent):
    """A call arrives at a line of the account (``inbound_call``)."""

    __slots__ = ()


class CallCompleted(CallEvent):
    """Recording and transcript of a call are final (``call_completed``); once per call, but perhaps delivered twice."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(WebhookEvent):
    """A message arrived (``receive``), or the status of a sent one changed (``outbound``).

    `number` is always the other side; `from_number` and `to_number` follow the direction.
    """

    message_handle: str | None = None
    status: str | None = None
    is_outbound: bool | None = None
    content: str | None = field(default=None, repr=False)
    number: str | None = field(default=None, repr=False)
    from_number: str | None = field(default=None, repr=False)
    to_number: str | None = field(default=None, repr=False)
    sendblue_number: str | None = field(default=None, repr=False)
    date_sent: str | None = None
    date_updated: str | None = None
    message_type: str | None = None
    media_url: str | None = field(default=None, repr=False)
    group_id: str | None = None
    group_display_name: str | None = field(default=None, repr=False)
    participants: tuple[str, ...] | None = field(default=None, repr=False)
    send_style: str | None = None
    service: str | None = None
    plan: str | None = None
    was_downgraded: bool | None = None
    opted_out: bool | None = None
    error_code: str | int | None = None
    error_message: str | None = field(default=None, repr=False)
    error_reason: str | None = field(default=None, repr=False)
    error_detail: str | None = field(default=None, repr=False)


class OtherEvent(WebhookEvent):
    """An event of which no field is known: `extra` holds all of them."""

    __slots__ = ()


#: The events that Sendblue's documentation and client libraries name.
KINDS: Final[Mapping[str, type[WebhookEvent]]] = {
    "call_log": CallLog,
    "inbound_call": InboundCall,
    "call_completed": CallCompleted,
    "receive": Message,
    "outbound": Message,
    "typing_indicator": OtherEvent,
    "line_blocked": OtherEvent,
    "line_assigned": OtherEvent,
    "contact_created": OtherEvent,
    "contact_profile": OtherEvent,
}
#: How fields are called that are not called as their attributes are.
_NAMES: Final[Mapping[str, str]] = {"accountEmail": "account_email"}
#: The fields that say when an event happened, the most telling first.
_TIMES: Final = ("date_ended", "date_updated", "date_answered", "date_sent", "date_started", "occurred_at", "date")
#: Times are written in some 30 characters.
_MOST_TIME: Final = 64


def event_of(body: Mapping[str, object], path_type: str = "") -> WebhookEvent | None:
    """Return the event in a body; None if it is of no known type.

    Sendblue does not document how a body says of which type it is. So the type is that in ``event_type`` or ``type``;
    else the one that the URL of the webhook names; else a call log or a message, by the fields.

    Args:
        body: the JSON object that was posted.
        path_type: the type that the URL names; empty if it names none.
    """
    name = _type_of(body, path_type)
    kind = KINDS.get(name)
    if kind is None:
        return None
    hints, values, extra = get_type_hints(kind), dict[str, object](), dict[str, object]()
    known = {item.name for item in fields(kind)} - {"type", "extra"}
    for written, value in body.items():
        attribute = _NAMES.get(written, written)
        if attribute in known and _fits(value, hints[attribute]):
            values[attribute] = tuple(cast("list[str]", value)) if isinstance(value, list) else value
        elif written not in ("event_type", "type") or value != name:
            extra[written] = value
    return kind(type=name, extra=extra, **values)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - checked


def happened_s(body: Mapping[str, object]) -> float | None:
    """Return when the event in a body happened, in seconds since 1970; None if it does not say so."""
    return next((at_s for name in _TIMES if (at_s := seconds_of(body.get(name))) is not None), None)


def seconds_of(written: object) -> float | None:
    """Return a time of ISO 8601 in seconds since 1970, in UTC unless it says otherwise; None for anything else."""
    if not isinstance(written, str) or len(written) > _MOST_TIME:
        return None
    try:
        at = datetime.datetime.fromisoformat(written)
        return (at if at.tzinfo is not None else at.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _type_of(body: Mapping[str, object], path_type: str) -> str:
    for name in ("event_type", "type"):
        written = body.get(name)
        if isinstance(written, str) and (written in KINDS or name == "event_type"):
            return written
    if path_type in KINDS:
        return path_type
    if "disposition" in body:
        return "call_log"
    if "message_handle" in body:
        return "outbound" if body.get("is_outbound") is True else "receive"
    return ""


def _fits(value: object, hint: object) -> bool:
    """Whether a value is of the type of its attribute; a bool is not a number, and a list must be of texts."""
    kinds = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if isinstance(value, list):
        items = cast("list[object]", value)
        return tuple[str, ...] in kinds and all(isinstance(item, str) for item in items)
    return type(value) in kinds
