"""What happened to a callee, moment by moment: a stable code, a time and a sentence for each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Moments that are kept of one callee, and characters of one text.
MOST_MOMENTS: Final = 1000
_MOST_TEXT: Final = 200


class MomentCode(Enum):
    """What happened, as a code that does not change."""

    RINGING = "ringing"
    DECLINED = "declined"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    BEEPED = "beeped"
    SPEAKS = "speaks"
    STOPPED_SPEAKING = "stopped_speaking"
    LISTENS = "listens"
    HEARD_SPEECH = "heard_speech"
    HEARD_QUIET = "heard_quiet"
    HEARD_TONE = "heard_tone"
    HEARD_MARKER = "heard_marker"
    HEARD_NOTHING = "heard_nothing"
    ECHOES = "echoes"
    MAKES_NOISE = "makes_noise"
    ON_HOLD = "on_hold"
    RESUMED = "resumed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    BRANCHED = "branched"
    REPEATS = "repeats"
    WENT_AWAY = "went_away"
    CAME_BACK = "came_back"
    SECOND_DEVICE = "second_device"
    HUNG_UP = "hung_up"
    DROPPED = "dropped"
    SCRIPT_DONE = "script_done"

    @property
    def is_event(self) -> bool:
        """Whether it belongs in the short list of events that people see of a call; the others are details."""
        return self not in _DETAILS


#: The ends among them are shown with the end of the call.
_DETAILS: Final = frozenset(
    {
        MomentCode.DECLINED,
        MomentCode.BUSY,
        MomentCode.UNREACHABLE,
        MomentCode.ANSWERED_ELSEWHERE,
        MomentCode.BEEPED,
        MomentCode.STOPPED_SPEAKING,
        MomentCode.LISTENS,
        MomentCode.BRANCHED,
        MomentCode.REPEATS,
        MomentCode.HUNG_UP,
        MomentCode.DROPPED,
        MomentCode.SCRIPT_DONE,
    }
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a callee.

    Attributes:
        at_s: seconds from the answer; None before it.
        code: what happened.
        text: the same, for people.
    """

    at_s: float | None
    code: MomentCode
    text: str


class History:
    """The moments of one callee: the first `MOST_MOMENTS`, and how many came after them.

    Args:
        on_moment: called with each moment, those that are not kept included.

    Attributes:
        moments: what happened, in order.
        dropped: moments that were not kept.
    """

    def __init__(self, on_moment: Callable[[Moment], None]) -> None:
        self._on_moment = on_moment
        self.moments: list[Moment] = []
        self.dropped: int = 0

    def note(self, at_s: float | None, code: MomentCode, text: str) -> None:
        """Add a moment."""
        moment = Moment(at_s, code, text[:_MOST_TEXT])
        if len(self.moments) < MOST_MOMENTS:
            self.moments.append(moment)
        else:
            self.dropped += 1
        self._on_moment(moment)
