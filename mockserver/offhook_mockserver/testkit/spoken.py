"""The lines of a timeline that say when the application spoke, which only the audio shows."""

from __future__ import annotations

import contextlib
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.testing.audio import Clip
from offhook_mockserver.testkit.story import TimelineLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from offhook_mockserver.callees.kept_audio import CallAudio

#: The kind of these lines.
AUDIO: Final = "audio"
#: Lines about the speech of one call, at most.
_MOST: Final = 500


def with_speech(timeline: Sequence[TimelineLine], audios: Sequence[CallAudio | None]) -> list[TimelineLine]:
    """Return a timeline with a line for each time that the application spoke, in order of time.

    Args:
        timeline: what the journal says.
        audios: the audio of each call, in the order in which they rang; None for a call that was not answered.
    """
    spoken: list[TimelineLine] = []
    for call, audio in enumerate(audios, 1):
        answer = next((line for line in timeline if line.call == call and line.answered_s is not None), None)
        if audio is not None and answer is not None and answer.answered_s is not None:
            with contextlib.suppress(OffhookError):  # what measures audio is not installed
                spoken += _lines(call, answer.at_s - answer.answered_s, audio)
    # The order of the other lines stays: it is that of causes where times are about the same.
    times = accumulate((line.at_s for line in timeline), max)
    keyed = [*zip(times, timeline, strict=True), *((line.at_s, line) for line in spoken)]
    return [line for _, line in sorted(keyed, key=lambda item: item[0])]


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
