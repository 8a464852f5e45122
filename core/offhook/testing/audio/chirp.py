"""The marker: a chirp whose place in a recording can be found to a millisecond, also behind a codec."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from offhook.arguments import MOST_HZ, check_whole

if TYPE_CHECKING:
    from offhook.testing.audio.measures import Floats

#: The length of a marker, in seconds: shorter than a word, and long enough to stand out from speech.
MARKER_S: Final = 0.2
#: It sweeps through the band that every telephone carries.
_FROM_HZ: Final = 400.0
_TO_HZ: Final = 3_200.0
#: Its ends fade in and out for this long, so that they do not click.
_FADE_S: Final = 0.01
#: -11 dBFS, root mean square.
_AMPLITUDE: Final = 0.4 * 32768
_LEAST_HZ: Final = 8_000
#: Speech, music and noise do not correlate with the chirp by this much.
_FOUND: Final = 0.5


def marker_pcm(rate_hz: int) -> bytes:
    """The samples of one marker, s16le.

    Raises:
        ConfigError: `rate_hz` is not a whole number of hertz from 8,000 to 768,000.
    """
    check_whole(rate_hz, "rate_hz", least=_LEAST_HZ, most=MOST_HZ, unit="hertz")
    count = round(MARKER_S * rate_hz)
    samples: list[int] = []
    for index in range(count):
        at_s = index / rate_hz
        phase = 2 * math.pi * (_FROM_HZ * at_s + (_TO_HZ - _FROM_HZ) * at_s**2 / (2 * MARKER_S))
        edge = min(1.0, at_s / _FADE_S, (MARKER_S - at_s) / _FADE_S)
        samples.append(round(_AMPLITUDE * math.sin(phase) * (1 - math.cos(math.pi * edge)) / 2))
    return struct.pack(f"<{count}h", *samples)


def marker_places(recording: Floats) -> list[float]:
    """Where markers begin, in samples; the recording is at `matching.RATE_HZ`. At most one every `MARKER_S`."""
    import numpy as np

    from offhook.testing.audio import matching, measures

    wanted = measures.samples_in(marker_pcm(matching.RATE_HZ))
    # Silence at both ends, so that a marker is found whose fade was cut off.
    margin = wanted.size // 2
    padded = np.pad(recording, margin)
    values = matching.Correlator(padded, wanted.size).correlations(wanted)
    most = padded.size // wanted.size + 1
    found = matching.peaks(values, most, _FOUND, wanted.size // 2)
    return sorted(matching.between(values, at) - margin for at in found)
