"""The picture of one call of a test: both waveforms, what happened, and the states of the call, on one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.testing.audio import Clip, Mark, MarkKind, Span, State, Track, waveforms_svg
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.tenants.entry import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.testkit.evidence import Evidence
    from offhook_mockserver.testkit.story import TimelineLine

#: The state that begins with a moment of the callee. The first state begins with the first moment.
_STATES: Final[Mapping[str, str]] = {
    MomentCode.RINGING.value: "ringing",
    MomentCode.ANSWERED.value: "answered",
    MomentCode.ON_HOLD.value: "on hold",
    MomentCode.RESUMED.value: "answered",
    MomentCode.WENT_AWAY.value: "away",
    MomentCode.CAME_BACK.value: "answered",
}
_FAILURES: Final = frozenset(kind.value for kind in (EntryKind.FAULT, EntryKind.LOSS, EntryKind.MISUSE))
#: How much of the ringing is drawn: it has no audio.
_MOST_RINGING_S: Final = 3.0


def picture_of(evidence: Evidence, call: int, audio: CallAudio) -> str:
    """Draw one call of a test, as SVG.

    Args:
        evidence: what is known of the test.
        call: the number of the call, counted from 1.
        audio: its audio.
    """
    lines = [line for line in evidence.timeline if line.call == call]
    gaps = [Span(*gap) for gap in audio.heard_gaps]
    tracks = [
        Track("caller", Clip(audio.heard, audio.rate_hz), gaps),
        Track("callee", Clip(audio.said, audio.rate_hz)),
    ]
    return waveforms_svg(tracks, _marks(lines), states=_states(lines), title=evidence.test)


def _marks(lines: Sequence[TimelineLine]) -> Iterator[Mark]:
    for line in lines:
        if line.answered_s is not None:
            yield Mark(line.answered_s, line.text, MarkKind.FAILURE if line.kind in _FAILURES else MarkKind.MOMENT)


def _states(lines: Sequence[TimelineLine]) -> Iterator[State]:
    """The states, on the time axis of the audio, which begins with the answer."""
    answer = next((line for line in lines if line.answered_s is not None), None)
    if answer is None:
        return
    begun: tuple[float, str] | None = None
    at_s = 0.0
    for line in lines:
        at_s = max(line.at_s - answer.at_s, -_MOST_RINGING_S)
        if line.code in _STATES:
            if begun is not None and begun[0] < at_s:
                yield State(Span(begun[0], at_s), begun[1])
            begun = (at_s, _STATES[line.code])
    if begun is not None and begun[0] < at_s:
        yield State(Span(begun[0], at_s), begun[1])
