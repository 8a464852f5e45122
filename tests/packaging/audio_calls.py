"""A valid call of everything in `offhook.testing.audio` that takes arguments, for `test_public_arguments`."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.testing.audio import Clip, Heard, Mark, Span, State, Track, marker, waveforms_svg

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = Path(__file__).parents[2] / "mockserver/offhook_mockserver/callees/clips/hello.wav"


def audio_calls() -> dict[str, tuple[Callable[..., object], dict[str, object]]]:
    """The calls by their names."""
    tone = Clip(array("h", [round(9_000 * math.sin(at / 3)) for at in range(8_000)]).tobytes(), 8_000)
    heard = Heard(tone, said=tone)
    return {
        "Clip.__init__": (Clip, {"pcm": b"", "rate_hz": 8_000}),
        "Clip.find": (tone.find, {"other": tone}),
        "Clip.level_dbfs": (tone.level_dbfs, {}),
        "Clip.part": (tone.part, {}),
        "Clip.read": (Clip.read, {"what": HELLO}),
        "Clip.resampled": (tone.resampled, {"rate_hz": 16_000}),
        "Clip.sound": (tone.sound, {}),
        "Clip.speech": (tone.speech, {}),
        "Clip.tones": (tone.tones, {"hz": 440}),
        "Heard.__init__": (Heard, {"clip": tone}),
        "Heard.contains": (heard.contains, {"what": tone}),
        "Heard.delay_of": (heard.delay_of, {"what": tone}),
        "Heard.has_no_gaps": (heard.has_no_gaps, {}),
        "Heard.has_tone": (heard.has_tone, {"hz": 440}),
        "Heard.level_between": (heard.level_between, {"lowest_dbfs": -30, "highest_dbfs": -10}),
        "Heard.responds_within": (heard.responds_within, {"ms": 1500}),
        "Heard.silence_after": (heard.silence_after, {"at_s": 0.5, "within_ms": 200}),
        "Heard.sound_after": (heard.sound_after, {"at_s": 0.5, "within_ms": 200}),
        "Heard.speech_between": (heard.speech_between, {"from_s": 0, "to_s": 1}),
        "Heard.starts_with": (heard.starts_with, {"what": tone}),
        "Heard.talks_over_at_most": (heard.talks_over_at_most, {"ms": 300}),
        "Heard.until": (heard.until, {"to_s": 0.5}),
        "Mark.__init__": (Mark, {"at_s": 0, "label": "callee answers"}),
        "Span.__init__": (Span, {"from_s": 0, "to_s": 1}),
        "State.__init__": (State, {"span": Span(0, 1), "label": "ringing"}),
        "Track.__init__": (Track, {"label": "caller", "clip": tone}),
        "marker": (marker, {"rate_hz": 8_000}),
        "waveforms_svg": (waveforms_svg, {"tracks": [Track("caller", tone)]}),
    }
