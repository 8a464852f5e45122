"""What happens to an account, as Sendblue's stream of events reports it: live only, and the latest are kept."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_text, wrong
from offhook.interfaces import iso_8601
from offhook.wording import nearest_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.interfaces import Clock
    from offhook_mockserver.tenants.entry import Json


#: Every type, as Python SDK 1.33.0 lists them. No event is about a call.
EVENT_TYPES: Final = (
    "message.received",
    "message.created",
    "message.updated",
    "typing.changed",
    "line.assigned",
    "line.unassigned",
    "line.status.changed",
    "line.blocked",
    "contact.created",
    "verification.approved",
    "verification.expired",
    "verification.canceled",
)
#: Events that are kept for readers that have not read them yet.
MOST_EVENTS: Final = 1_000
#: For the first part of a type, which member of the data names what the event is about.
_ABOUT: Final[Mapping[str, str]] = {
    "message": "message_id",
    "typing": "number",
    "line": "worker_id",
    "contact": "contact_id",
    "verification": "verification_sid",
}
#: For some types, which member of the data holds the time; for the others, the time is that of the clock.
_TIME: Final[Mapping[str, str]] = {
    "message.updated": "updated_at",
    "line.status.changed": "status_changed_at",
    "contact.created": "created_at",
}
#: What happens once to a message or a verification, so that the time is not part of the id.
_ONCE: Final = frozenset({"message.received", "message.created"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """An event.

    Attributes:
        id: what clients know duplicates by.
        type: one of `EVENT_TYPES`.
        occurred_at: when it happened, in ISO 8601.
        data: what happened.
        line: the line that it is about; empty if it is about the account.
    """

    id: str
    type: str
    occurred_at: str
    data: Mapping[str, Json]
    line: str

    def to_json(self) -> dict[str, Json]:
        """The event as clients receive it."""
        return {
            "version": 1,
            "id": self.id,
            "type": self.type,
            "occurred_at": self.occurred_at,
            "data": self.data,
        }


class AccountEvents:
    """The events of one account.

    Args:
        clock: the tenant's time.

    Attributes:
        emitted: how many events there were.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[AccountEvent] = deque(maxlen=MOST_EVENTS)
        self._watchers: list[Callable[[], object]] = []
        self.emitted: int = 0

    @property
    def recent(self) -> tuple[AccountEvent, ...]:
        """The latest 1,000 events, oldest first."""
        return tuple(self._kept)

    def emit(self, type: str, data: Mapping[str, Json], *, line: str = "") -> AccountEvent:
        """Report an event to every open stream.

        Sendblue's command-line client builds the ids of missed events from what it lists. The id here follows the same
        patterns, so that the client recognizes an event that it gets both ways.

        Args:
            type: one of `EVENT_TYPES`.
            data: what happened: which message (``message_id``), number (``number``), line (``worker_id``), contact
                (``contact_id``) or verification (``verification_sid``). The time is ``updated_at`` of an updated
                message, ``status_changed_at`` of a line whose status changed, ``created_at`` of a contact; without
                these, and for other types, it is the time of the clock.
            line: the line that it is about; by default, ``sendblue_number`` of the data.

        Raises:
            ConfigError: there is no such type.
        """
        if type not in EVENT_TYPES:
            near = nearest_name(type, EVENT_TYPES).removeprefix("; ").capitalize()
            raise wrong("type", f"one of {', '.join(EVENT_TYPES)}", type, near)
        check_text(line, "line")
        occurred_at = _text(data, _TIME.get(type, "")) or iso_8601(self._clock.wall_s())
        event = AccountEvent(
            id=_id(type, data, occurred_at),
            type=type,
            occurred_at=occurred_at,
            data=copy.deepcopy(dict(data)),
            line=line or _text(data, "sendblue_number"),
        )
        self._kept.append(event)
        self.emitted += 1
        for watcher in tuple(self._watchers):
            watcher()
        return event

    def after(self, count: int, most: int) -> tuple[int, tuple[AccountEvent, ...]]:
        """What a reader of the first `count` events gets next.

        Returns:
            How many events were dropped before it could read them, and up to `most` events that follow these.
        """
        first = self.emitted - len(self._kept)
        start = max(count, first)
        return start - count, tuple(islice(self._kept, start - first, start - first + most))

    def watch(self, on_event: Callable[[], object]) -> Callable[[], None]:
        """Have `on_event` called after each event from now on; it must not raise. Returns what ends the calls."""
        self._watchers.append(on_event)
        return lambda: self._watchers.remove(on_event)


def _id(type: str, data: Mapping[str, Json], occurred_at: str) -> str:
    subject, _, what = type.partition(".")
    about = f"{subject}:{_text(data, _ABOUT[subject])}"
    if type == "line.status.changed":
        return f"{about}:status:{_text(data, 'status')}:{occurred_at}"
    return f"{about}:{what}" if type in _ONCE or subject == "verification" else f"{about}:{what}:{occurred_at}"


def _text(data: Mapping[str, Json], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""
