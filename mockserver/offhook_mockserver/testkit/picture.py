"""The picture of one call of a test: both waveforms, what happened, and the states of both sides, on one time axis."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from offhook.session import CallState
from offhook.testing.audio import Clip, Mark, MarkKind, Span, State, Track, waveforms_svg
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.testkit.callers import PHONE
from offhook_mockserver.testkit.spoken import AUDIO
from offhook_mockserver.testkit.story import CALLER

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
#: What the application did: the entries of its phone that are marked. What it saw is in the states, and in the mock's.
_DONE: Final[Mapping[str, MarkKind]] = {
    "PlayoutCleared": MarkKind.CLEAR,
    "PlayoutCut": MarkKind.CLEAR,
    "Muted": MarkKind.MOMENT,
    "Unmuted": MarkKind.MOMENT,
    "HangUpRequested": MarkKind.MOMENT,
}
#: What the waveforms and the states show already, or says what another mark at the same time says.
_NOT_MARKED: Final = frozenset({"joined", "published", "unpublished", "left", "script_done", "answered", "ringing"})
#: How texts name a member.
_UID: Final = re.compile(r",? ?\(uid \d+\)|, for uid \d+")
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
    return waveforms_svg(
        tracks, _marks(lines), states=_states(lines), shades=_shades(lines, audio), title=evidence.test
    )


def _marks(lines: Sequence[TimelineLine]) -> Iterator[Mark]:
    for line in lines:
        if line.answered_s is None:
            continue
        if line.kind == CALLER:
            if line.code in _DONE:
                yield Mark(line.answered_s, line.text.removeprefix(PHONE), _DONE[line.code])
        elif line.kind != AUDIO and line.code not in _NOT_MARKED:
            text = _UID.sub("", line.text)
            yield Mark(line.answered_s, text, MarkKind.FAILURE if line.kind in _FAILURES else MarkKind.MOMENT)


def _shades(lines: Sequence[TimelineLine], audio: CallAudio) -> Iterator[State]:
    """What lasts for some time: faults of the network, and the part of the call that was not kept."""
    end_s = max(audio.lasted_s, audio.kept_s)
    for line in lines:
        if line.lasts_s is not None and line.answered_s is not None:
            to_s = max(line.answered_s, min(end_s, line.answered_s + line.lasts_s))
            yield State(Span(line.answered_s, to_s), _UID.sub("", line.text))
    if not audio.whole:
        yield State(Span(audio.kept_s, audio.lasted_s), "not kept")


def _states(lines: Sequence[TimelineLine]) -> Iterator[State]:
    """The states, on the time axis of the audio, which begins with the answer."""
    answer = next((line for line in lines if line.answered_s is not None and line.kind != CALLER), None)
    if answer is None:
        return
    end_s = lines[-1].at_s - answer.at_s
    for row in (CALLER, "callee"):
        own = [
            (max(line.at_s - answer.at_s, -_MOST_RINGING_S), state)
            for line in lines
            if (state := line.state if row == CALLER else _STATES.get(line.code, ""))
        ]
        for (from_s, state), (to_s, _) in pairwise([*own, (end_s, "")]):
            if from_s < to_s and state != CallState.ENDED.value:
                yield State(Span(from_s, to_s), state, row)
