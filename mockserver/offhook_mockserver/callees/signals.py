"""Finds a tone, or offhook's marker, in audio as it arrives."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from offhook.interfaces import samples_of
from offhook_mockserver.callees.kept_audio import Track

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame


#: A tone counts after this much of it without a break: shorter ones occur in speech.
_TONE_MS: Final = 100
#: The part of a frame's energy that the tone must have.
_TONE_SHARE: Final = 0.5
#: The mean square of the quietest frame that is examined: -60 dBFS.
_LEAST_POWER: Final = (32768 * 10 ** (-60 / 20)) ** 2
#: How often the marker is looked for, and in how much audio.
_MARKER_EVERY_MS: Final = 200
_MARKER_WITHIN_MS: Final = 1_000


class ToneFinder:
    """Finds a tone by the energy at its frequency (Goertzel's algorithm).

    Attributes:
        found: set when the tone has lasted for 100 ms.
    """

    def __init__(self, hz: float, rate_hz: int) -> None:
        self._turn = 2 * math.cos(2 * math.pi * hz / rate_hz)
        self._needed = rate_hz * _TONE_MS // 1000
        self._lasted = 0
        self.found: asyncio.Event = asyncio.Event()

    def feed(self, frame: AudioFrame) -> None:
        """Examine the next frame."""
        samples = samples_of(frame.pcm)
        before = last = power = 0.0
        for sample in samples:
            before, last = last, sample + self._turn * last - before
            power += sample * sample
        at_tone = last * last + before * before - self._turn * last * before
        count = max(1, len(samples))
        # A sine of amplitude A has the power n*A*A/2, and Goertzel's figure for it is (n*A/2) squared.
        is_tone = power / count >= _LEAST_POWER and at_tone * 2 / count >= _TONE_SHARE * power
        self._lasted = self._lasted + len(samples) if is_tone else 0
        if self._lasted >= self._needed:
            self.found.set()

    def gap(self, start: int, end: int) -> None:
        """Nothing came between two positions, so the tone has ended."""
        self._lasted = 0


class MarkerFinder:
    """Finds the marker of `offhook.testing.audio`.

    Attributes:
        found: set when the marker has been heard.

    Raises:
        MissingExtraError: numpy is not installed.
    """

    def __init__(self, rate_hz: int) -> None:
        from offhook.testing.audio import Clip

        self._clip = Clip
        self._rate_hz = rate_hz
        self._within = rate_hz * _MARKER_WITHIN_MS // 1000
        self._track = Track(self._within, latest=True)
        self._next = 0
        self.found: asyncio.Event = asyncio.Event()

    def feed(self, frame: AudioFrame) -> None:
        """Keep the frame; five times a second, look for the marker."""
        self._track.feed(frame)
        end = frame.position + frame.samples
        if end >= self._next:
            self._next = end + self._rate_hz * _MARKER_EVERY_MS // 1000
            if self._clip(self._track.pcm(end - self._within, end), self._rate_hz).markers():
                self.found.set()

    def gap(self, start: int, end: int) -> None:
        """Nothing came between two positions: silence."""
