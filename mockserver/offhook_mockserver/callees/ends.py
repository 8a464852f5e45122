"""How a callee's part in a call ended."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class CalleeEnd(Enum):
    """How a callee's part ended."""

    DECLINED = "declined"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    HUNG_UP = "hung_up"
    DROPPED = "dropped"
    GIVEN_UP = "given_up"
    CALLER_LEFT = "caller_left"
    CALLER_DROPPED = "caller_dropped"
    CALLER_ABSENT = "caller_absent"
    ROOM_CLOSED = "room_closed"
    TIME_LIMIT = "time_limit"
    FAILED = "failed"

    @property
    def text(self) -> str:
        """A description of the end, for people."""
        return _ENDS[self]

    @property
    def may_precede_caller(self) -> bool:
        """Whether the callee's part may end so before the caller has joined, who is then still waited for."""
        return self in _WITHOUT_ANSWER


_ENDS: Final[Mapping[CalleeEnd, str]] = {
    CalleeEnd.DECLINED: "callee declined",
    CalleeEnd.BUSY: "callee is busy",
    CalleeEnd.UNREACHABLE: "callee is unreachable",
    CalleeEnd.ANSWERED_ELSEWHERE: "callee answered on a device that is not in the channel",
    CalleeEnd.HUNG_UP: "callee hung up",
    CalleeEnd.DROPPED: "callee dropped",
    CalleeEnd.GIVEN_UP: "caller gave up before the answer",
    CalleeEnd.CALLER_LEFT: "caller hung up",
    CalleeEnd.CALLER_DROPPED: "caller dropped",
    CalleeEnd.CALLER_ABSENT: "caller never joined",
    CalleeEnd.ROOM_CLOSED: "channel closed",
    CalleeEnd.TIME_LIMIT: "the call reached its time limit",
    CalleeEnd.FAILED: "the callee's script failed",
}
_WITHOUT_ANSWER: Final = frozenset(
    {
        CalleeEnd.DECLINED,
        CalleeEnd.BUSY,
        CalleeEnd.UNREACHABLE,
        CalleeEnd.ANSWERED_ELSEWHERE,
        CalleeEnd.FAILED,
    }
)
