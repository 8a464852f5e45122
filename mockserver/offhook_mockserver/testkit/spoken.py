"""What only the audio of calls shows, for their timelines: when the application spoke, and the callee was heard."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.testing.audio import Clip
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.testkit.story import TimelineLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offhook_mockserver.callees.kept_audio import CallAudio

#: The kind of these lines.
AUDIO: Final = "audio"
#: Lines about the speech of one call, at most.
_MOST: Final = 500
#: Stretches of speech in the line about what a callee says, at most.
_MOST_SPANS: Final = 4
#: Times of the journal and of the audio that differ by less are the same.
_NEAR_S: Final = 0.1
#: So soon after its beginning, a callee that listens notices speech.
_NOTICED_S: Final = 0.3
_SPEAKS: Final = MomentCode.SPEAKS.value
_HEARD_SPEECH: Final = MomentCode.HEARD_SPEECH.value
#: What ends the words of a callee, or begins others.
_ENDS: Final = frozenset({_SPEAKS, MomentCode.STOPPED_SPEAKING.value})


def with_speech(timeline: Sequence[TimelineLine], audios: Sequence[CallAudio | None]) -> list[TimelineLine]:
    """Return a timeline with a line for each time that the application spoke, in order of time.

    Lines that say what the callee says have the times of its speech, which are those of verdicts about turns. That the
    callee has heard the application is in the line of what it heard.

    Args:
        timeline: what the journal says.
        audios: the audio of each call, in the order in which they rang; None for a call that was not answered.
    """
    lines = list(timeline)
    spoken: list[TimelineLine] = []
    for call, audio in enumerate(audios, 1):
        answer = next((line for line in lines if line.call == call and line.answered_s is not None), None)
        if audio is not None and answer is not None and answer.answered_s is not None:
            with contextlib.suppress(OffhookError):  # what measures audio is not installed
                own = list(_lines(call, answer.at_s - answer.answered_s, audio))
                lines = _with_callee(lines, call, audio)
                lines, own = _merged(lines, own)
                spoken += own
    # The order of the other lines stays: it is that of causes where times are about the same.
    times = accumulate((line.at_s for line in lines), max)
    keyed = [*zip(times, lines, strict=True), *((line.at_s, line) for line in spoken)]
    return [line for _, line in sorted(keyed, key=lambda item: item[0])]


def _with_callee(lines: Sequence[TimelineLine], call: int, audio: CallAudio) -> list[TimelineLine]:
    """The lines, where those about what the callee says have the times of its speech."""
    spans = Clip(audio.said, audio.rate_hz).speech()
    result: list[TimelineLine] = []
    for index, line in enumerate(lines):
        if line.call == call and line.code == _SPEAKS and line.answered_s is not None:
            later = (it.answered_s for it in lines[index + 1 :] if it.call == call and it.code in _ENDS)
            until_s = next((at_s for at_s in later if at_s is not None), math.inf)
            own = [span for span in spans if line.answered_s - _NEAR_S <= span.from_s < until_s]
            text = f"{line.text}, {', '.join(map(str, own[:_MOST_SPANS]))}" if own and audio.whole else line.text
            result.append(replace(line, text=text))
        else:
            result.append(line)
    return result


def _merged(
    lines: Sequence[TimelineLine], spoken: Sequence[TimelineLine]
) -> tuple[list[TimelineLine], list[TimelineLine]]:
    """Both, where a line about what the application says has the moment at which the callee noticed it."""
    result, own = list(lines), list(spoken)
    for index, line in enumerate(result):
        if line.code != _HEARD_SPEECH or line.answered_s is None:
            continue
        for place, said in enumerate(own):
            if said.call == line.call and said.answered_s is not None:
                late_s = line.answered_s - said.answered_s
                if -_NEAR_S <= late_s <= _NOTICED_S:
                    own[place] = replace(said, text=f"{said.text}; the callee notices it at {line.answered_s:.2f} s")
                    result[index] = replace(line, told=True)
                    break
    return result, own


def _lines(call: int, answer_s: float, audio: CallAudio) -> Iterator[TimelineLine]:
    spans = Clip(audio.heard, audio.rate_hz).speech()
    for span in spans[:_MOST]:
        text = f"caller speaks, {span.from_s:.2f} to {span.to_s:.2f} s"
        yield TimelineLine(answer_s + span.from_s, call, span.from_s, AUDIO, "caller_speaks", text)
    if len(spans) > _MOST:
        at_s = spans[_MOST].from_s
        text = f"caller speaks {len(spans) - _MOST} more times"
        yield TimelineLine(answer_s + at_s, call, at_s, AUDIO, "caller_speaks", text)
    if not audio.whole:
        text = "the audio from here on was not kept (keep_audio_s)"
        yield TimelineLine(answer_s + audio.kept_s, call, audio.kept_s, AUDIO, "not_kept", text)
