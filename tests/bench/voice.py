"""What both sides of every call say and how it is timed: a low hum with a loud 1 kHz burst at the start of each period.

A burst is found again by its loudness, so that what is timed is the audio itself and not a label on it.
"""

from __future__ import annotations

import array
import functools
import math
import time
from typing import Final

FRAMES_PER_S: Final = 50
#: A burst begins every so many frames: half a second, longer than any delay that is to be told.
PERIOD_FRAMES: Final = 25
PERIOD_S: Final = PERIOD_FRAMES / FRAMES_PER_S
_BURST_FRAMES: Final = 3
_BURST_HZ, _BURST_PEAK = 1000, 12_000
_HUM_HZ, _HUM_PARTS, _HUM_PEAK = 150, 8, 250
_LOUD: Final = 5_000
#: Samples looked at per 20 ms frame; every one of a 1 kHz burst's periods has several of them.
_LOOKS: Final = 80


@functools.cache
def table(rate_hz: int) -> tuple[bytes, ...]:
    """One period: 20 ms frames of 16-bit mono PCM."""
    samples = rate_hz // FRAMES_PER_S
    frames: list[bytes] = []
    for index in range(PERIOD_FRAMES):
        times = [(index * samples + number) / rate_hz for number in range(samples)]
        values = [
            sum(_HUM_PEAK * math.sin(2 * math.pi * _HUM_HZ * part * at_s) for part in range(1, _HUM_PARTS + 1))
            for at_s in times
        ]
        if index < _BURST_FRAMES:
            values = [
                value + _BURST_PEAK * math.sin(2 * math.pi * _BURST_HZ * at_s)
                for value, at_s in zip(values, times, strict=True)
            ]
        frames.append(array.array("h", map(round, values)).tobytes())
    return tuple(frames)


class Voice:
    """One end of one call.

    Args:
        rate_hz: rate of what it says.
        timed: whether bursts are timed; without it what is heard is only counted, which costs next to nothing.

    Attributes:
        frames: frames heard.
        sent_at_s: monotonic times at which the first frame of a burst was handed over.
        heard_at_s: monotonic times at which the first loud frame was there.
    """

    def __init__(self, rate_hz: int, *, timed: bool) -> None:
        self.rate_hz = rate_hz
        self.frames = 0
        self.sent_at_s: list[float] = []
        self.heard_at_s: list[float] = []
        self._timed = timed
        self._loud = False
        self._table = table(rate_hz)

    def say(self, index: int) -> bytes:
        """Frame `index`, to be handed over now."""
        if self._timed and index % PERIOD_FRAMES == 0:
            self.sent_at_s.append(time.monotonic())
        return self._table[index % PERIOD_FRAMES]

    def hear(self, pcm: bytes) -> None:
        """A frame has come: 16-bit PCM of any rate and number of channels."""
        self.frames += 1
        if self._timed:
            samples = memoryview(pcm).cast("h")
            loud = max(samples[:: max(1, len(samples) // _LOOKS)], default=0) > _LOUD
            if loud and not self._loud:
                self.heard_at_s.append(time.monotonic())
            self._loud = loud

    def take_times(self) -> tuple[list[float], list[float]]:
        """When bursts were sent and heard since the last call."""
        taken = self.sent_at_s, self.heard_at_s
        self.sent_at_s, self.heard_at_s = [], []
        return taken
