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

    #: The callee's telephone rings.
    RINGING = "ringing"
    #: It declines.
    DECLINED = "declined"
    #: It is in another call.
    BUSY = "busy"
    #: It is switched off, or without a network.
    UNREACHABLE = "unreachable"
    #: It answers on a device that is not in the channel.
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    #: It answers: times of a callee count from here.
    ANSWERED = "answered"
    #: A voicemail has answered.
    VOICEMAIL = "voicemail"
    #: The voicemail has beeped, and records.
    BEEPED = "beeped"
    #: It begins to say something.
    SPEAKS = "speaks"
    #: It has said that.
    STOPPED_SPEAKING = "stopped_speaking"
    #: It begins to listen for something.
    LISTENS = "listens"
    #: It listened for speech, and the caller speaks.
    HEARD_SPEECH = "heard_speech"
    #: It listened for quiet, and the caller has spoken and paused.
    HEARD_QUIET = "heard_quiet"
    #: It listened for a tone, and heard it.
    HEARD_TONE = "heard_tone"
    #: It listened for the marker, and heard it.
    HEARD_MARKER = "heard_marker"
    #: It did not hear in time what it listened for.
    HEARD_NOTHING = "heard_nothing"
    #: It echoes from now on.
    ECHOES = "echoes"
    #: It sends noise from now on.
    MAKES_NOISE = "makes_noise"
    #: It puts the caller on hold.
    ON_HOLD = "on_hold"
    #: It takes the caller off hold.
    RESUMED = "resumed"
    #: It sends nothing from now on.
    MUTED = "muted"
    #: It sends again.
    UNMUTED = "unmuted"
    #: A branch was decided.
    BRANCHED = "branched"
    #: A round of a loop begins.
    REPEATS = "repeats"
    #: It drops out of the channel, to come back.
    WENT_AWAY = "went_away"
    #: It is back.
    CAME_BACK = "came_back"
    #: Its second device joins.
    SECOND_DEVICE = "second_device"
    #: It hangs up.
    HUNG_UP = "hung_up"
    #: It drops out of the channel.
    DROPPED = "dropped"
    #: Every step of its script is done.
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
