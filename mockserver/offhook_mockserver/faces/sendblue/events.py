"""The stream of an account's events. None of them is about a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.session import Grade
from offhook_mockserver.doors.json_answer import encode
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import list_of, one_of
from offhook_mockserver.faces.operations.shapes import TEXT, about, an_object, choice
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.faces.sse import MEDIA_TYPE, MOST_AT_ONCE, MOST_PART_BYTES, EventStream, comment, event
from offhook_mockserver.tenants.account.events import EVENT_TYPES
from offhook_mockserver.tenants.streams import MOST_STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.account.events import AccountEvents


#: The longest time that a stream is open.
LONGEST_S: Final = 900.0
TOO_MANY_STREAMS: Final = ApiRefusal(429, Grade.ASSUMED)
_API: Final = "sendblue"


def operations() -> tuple[Operation, ...]:
    """The stream of events."""
    return (
        Operation(
            method="GET",
            path="/api/v2/events",
            summary="The account's events from now on, as server-sent events, for at most 15 minutes.",
            grade=Grade.OBSERVED,
            source="Python SDK 1.33.0, Sendblue's command-line client 0.10.0",
            query=Fields(
                Field(
                    "types",
                    list_of(one_of(*EVENT_TYPES), most=len(EVENT_TYPES)),
                    summary="The types that are wanted, separated by commas; by default, all.",
                )
            ),
            answer=an_object(
                {
                    "event": about(choice(*EVENT_TYPES), "The type of the event."),
                    "data": about(TEXT, "The event as JSON: `version` (1), `id`, `type`, `occurred_at` and `data`."),
                }
            ),
            media_type=MEDIA_TYPE,
            scoped=Scoped.LINES,
            handle=_stream,
        ),
    )


def _stream(asked: Asked) -> EventStream:
    tenant, token = asked.tenant, asked.token
    if tenant.streams.is_full(_API):
        problem = f"{MOST_STREAMS} streams of events are open for this account, which is the limit: close some"
        raise RequestRefused(TOO_MANY_STREAMS, problem)
    lines = None if token is None or not token.lines else token.lines
    reader = _Reader(tenant.account.events, cast("list[str]", asked.query.get("types")) or EVENT_TYPES, lines)
    if token is None:
        return EventStream(reader, tenant.streams, _API, tenant.clock, LONGEST_S)
    life_s = min(LONGEST_S, max(0.0, token.expires_s - tenant.clock.wall_s()))
    text = token.text

    def is_valid() -> bool:
        return tenant.access_token(text.reveal()) is not None

    return EventStream(reader, tenant.streams, _API, tenant.clock, life_s, is_valid)


class _Reader:
    """Reads an account's events from now on.

    Args:
        events: the events.
        types: the wanted types.
        lines: the lines that the client may see; None for the whole account.
    """

    def __init__(self, events: AccountEvents, types: Collection[str], lines: Collection[str] | None) -> None:
        self._events = events
        self._types = types
        self._lines = lines
        self._read = events.emitted

    def watch(self, wake: Callable[[], object]) -> Callable[[], None]:
        return self._events.watch(wake)

    def next(self) -> bytes | None:
        dropped, events = self._events.after(self._read, MOST_AT_ONCE)
        if not events:
            return None
        part = comment(f"{dropped} events were dropped, because this client reads too slowly") if dropped else b""
        self._read += dropped
        for each in events:
            self._read += 1
            if each.type in self._types and (self._lines is None or each.line in self._lines):
                part += event(each.type, encode(each.to_json()))
                if len(part) >= MOST_PART_BYTES:
                    break
        return part
