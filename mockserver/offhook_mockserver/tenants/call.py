"""One call of a tenant, and what happens in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from offhook_mockserver.callees.callee import Callee, CalleeEnd
    from offhook_mockserver.rooms.room import Room


#: Counters that are above zero only if something was lost that a healthy call does not lose.
_LOSSES: Final = ("malformed", "audio_dropped", "frames_unrecorded", "echo_dropped")


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something happened to a call.

    Attributes:
        wall_s: when, in seconds since 1970.
        channel: which call.
        number: whom it rings, masked.
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
        channel: its channel, which is the only name it has on Sendblue.
        to: whom it rings.
        from_number: the line it is from.
        room: where caller and callee meet.
        callee: who is rung.
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
        """What was counted so far, in the room and by the callee; it stays when the call has ended."""
        room = {**asdict(self.room.counters), "frames_concealed": self.room.frames_concealed}
        return {**room, **self.callee.counters()}

    def losses(self) -> dict[str, int]:
        """The counters of what a healthy call does not lose, without those that are zero."""
        counters = self.counters()
        return {name: counters[name] for name in _LOSSES if counters[name]}
