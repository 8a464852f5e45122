"""The journal of a tenant as a stream: each entry when it is added, and those that a client has missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from offhook_mockserver.doors.json_answer import encode
from offhook_mockserver.faces.control.journal import CRITERIA, KINDS, WHERE
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Fields
from offhook_mockserver.faces.operations.shapes import TEXT, about, an_object, choice
from offhook_mockserver.faces.sse import MEDIA_TYPE, MOST_AT_ONCE, MOST_PART_BYTES, EventStream, event
from offhook_mockserver.tenants.criteria import Criteria
from offhook_mockserver.tenants.streams import MOST_STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.tenants.journal import Journal


#: The longest time that a stream is open. It ends, so that a test in virtual time that waits for nothing else ends.
LONGEST_S: Final = 3_600.0
#: Not the kind of any entry.
_DROPPED: Final = "dropped"
_API: Final = "control"
_LAST_ID: Final = "last-event-id"
_MOST_DIGITS: Final = 15


def operations() -> tuple[ControlOperation, ...]:
    """The stream of the journal."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/events",
            summary=(
                "Stream the entries that fulfil all criteria, as server-sent events: from now on, or after the index"
                " in `since` or in the header Last-Event-ID, whichever of the entries are kept. It ends after an hour."
            ),
            query=Fields(*CRITERIA, WHERE, extra=False),
            answer=an_object(
                {
                    "id": about(TEXT, "The index of the entry."),
                    "event": about(
                        choice(*KINDS, _DROPPED),
                        "The kind of the entry. After `dropped`, data.count says how many entries of the journal were"
                        " dropped before this client has read them.",
                    ),
                    "data": about(TEXT, "The entry as JSON, as in the list of entries."),
                },
                optional=("id",),
            ),
            media_type=MEDIA_TYPE,
            handle=_stream,
        ),
    )


def _stream(asked: Asked) -> EventStream:
    tenant = asked.tenant
    if tenant.streams.is_full(_API):
        problem = f"{MOST_STREAMS} streams of events are open for this tenant, which is the limit: close some"
        raise ControlRefused("too_many_streams", problem)
    criteria = dict(cast("dict[str, Any]", asked.query))
    since: int | None = criteria.pop("since", None)
    last = asked.headers.get(_LAST_ID)
    if last is not None:
        since = _index(last)
        if since >= tenant.journal.next_index:  # of another journal: the tenant was made again
            since = -1
    reader = _Reader(tenant.journal, Criteria(**criteria), since)
    return EventStream(reader, tenant.streams, _API, tenant.clock, LONGEST_S)


def _index(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        problem = "the header Last-Event-ID must be the id of an event, for example 17: leave it out to start now"
        raise ControlRefused("malformed", problem)
    return int(text)


class _Reader:
    """Reads a journal.

    Args:
        journal: the journal.
        criteria: which entries are wanted.
        since: only entries after the one with this index; None for those from now on.
    """

    def __init__(self, journal: Journal, criteria: Criteria, since: int | None) -> None:
        self._journal = journal
        self._criteria = criteria
        self._next = journal.next_index if since is None else since + 1

    def watch(self, wake: Callable[[], object]) -> Callable[[], None]:
        return self._journal.watch(lambda entry: wake())

    def next(self) -> bytes | None:
        entries = self._journal.after(self._next - 1, MOST_AT_ONCE)
        if not entries:
            return None
        dropped = entries[0].index - self._next
        part = event(_DROPPED, encode({"count": dropped})) if dropped else b""
        for entry in entries:
            self._next = entry.index + 1
            if self._criteria.matches(entry):
                part += event(entry.kind.value, encode(entry.to_json()), str(entry.index))
                if len(part) >= MOST_PART_BYTES:
                    break
        return part
