"""What the picture of a call shows: waveforms, moments and states, on one time axis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from offhook.arguments import check_choice, check_instance, check_number, check_several, check_text
from offhook.testing.audio.clip import Clip
from offhook.testing.audio.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence


class MarkKind(Enum):
    """What a mark stands for."""

    MOMENT = "moment"
    CLEAR = "clear"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Track:
    """A waveform.

    Args:
        label: what is written beside it.
        clip: the audio, on the time axis of the picture.
        gaps: where audio is missing.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    label: str
    clip: Clip
    gaps: Sequence[Span] = ()

    def __post_init__(self) -> None:
        check_text(self.label, "label", "caller")
        check_instance(self.clip, "clip", Clip, "a Clip")
        gaps = check_several(self.gaps, "gaps", "a list of Span")
        object.__setattr__(self, "gaps", tuple(check_instance(gap, "each gap", Span, "a Span") for gap in gaps))


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: a line through all tracks.

    Args:
        at_s: its time.
        label: what is written above it.
        kind: what it stands for.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    at_s: float
    label: str
    kind: MarkKind = MarkKind.MOMENT

    def __post_init__(self) -> None:
        check_number(self.at_s, "at_s")
        check_text(self.label, "label", "callee answers")
        check_choice(self.kind, "kind", MarkKind)


@dataclass(frozen=True, slots=True)
class State:
    """What a call was in for some time, for example "ringing".

    Args:
        span: when.
        label: what is written in it.
        row: whose state it is, written beside the row; states of the same row are drawn side by side.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    span: Span
    label: str
    row: str = "state"

    def __post_init__(self) -> None:
        check_instance(self.span, "span", Span, "a Span")
        check_text(self.label, "label", "ringing")
        check_text(self.row, "row", "callee")
