"""One call of a tenant, and its events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from offhook_mockserver.callees.callee import Callee, CalleeEnd
    from offhook_mockserver.rooms.room import Room


#: Counters that stay zero in a healthy call.
_LOSSES: Final = ("malformed", "audio_dropped", "frames_unrecorded", "echo_dropped")


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An event of a call.

    Attributes:
        wall_s: when it happened, in seconds since 1970.
        channel: the channel of the call.
        number: the number that the call rings, masked.
        what: what happened, for people.
    """

    wall_s: float
    channel: str
    number: str
    what: str


@dataclass(slots=True)
class MockCall:
    """One call, as the server sees it.

    Attributes:
        channel: its channel, which is its only name on Sendblue.
        to: the number that it rings.
        from_number: the line that it is from.
        room: where caller and callee meet.
        callee: the callee that it rings.
        events: what happened, in order.
        end: how the callee's part ended; None before that.
    """

    channel: str
    to: str
    from_number: str
    room: Room
    callee: Callee
    events: list[str] = field(default_factory=list[str])
    end: CalleeEnd | None = None

    def counters(self) -> dict[str, int]:
        """The counters of the room and of the callee; they are kept when the call has ended."""
        room = {**asdict(self.room.counters), "frames_concealed": self.room.frames_concealed}
        return {**room, **self.callee.counters()}

    def losses(self) -> dict[str, int]:
        """The counters that stay zero in a healthy call and are above zero in this one."""
        counters = self.counters()
        return {name: counters[name] for name in _LOSSES if counters[name]}
