"""One call of a tenant, and what happens in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook_mockserver.callees.callee import Callee, CalleeEnd
    from offhook_mockserver.rooms.room import Room


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
