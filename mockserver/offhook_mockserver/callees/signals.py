"""Finds a tone, or offhook's marker, in audio as it arrives."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from offhook.interfaces import samples_of
from offhook_mockserver.callees.kept_audio import Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame


#: A tone counts after this much of it without a break: shorter ones occur in speech.
_TONE_MS: Final = 100
#: The part of a frame's energy that the tone must have.
_TONE_SHARE: Final = 0.5
#: The mean square of the quietest frame that is examined: -60 dBFS.
_LEAST_POWER: Final = (32768 * 10 ** (-60 / 20)) ** 2
#: How often the marker is looked for, and in how much audio.
_MARKER_EVERY_S: Final = 0.2
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

    def close(self) -> None:
        """Nothing to release."""

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
    """Looks for the marker of `offhook.testing.audio` five times a second, until it is closed.

    Args:
        rate_hz: the rate of what is heard.
        now: returns the present moment, as a position.

    Attributes:
        found: set when the marker has been heard.

    Raises:
        MissingExtraError: numpy is not installed.
    """

    def __init__(self, rate_hz: int, now: Callable[[], int]) -> None:
        from offhook.testing.audio import Clip

        self._clip = Clip
        self._rate_hz = rate_hz
        self._now = now
        self._within = rate_hz * _MARKER_WITHIN_MS // 1000
        self._track = Track(self._within, latest=True)
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(_MARKER_EVERY_S, self._look)
        self.found: asyncio.Event = asyncio.Event()

    def feed(self, frame: AudioFrame) -> None:
        """Keep a frame."""
        self._track.feed(frame)

    def gap(self, start: int, end: int) -> None:
        """Nothing came between two positions: silence."""

    def close(self) -> None:
        """Look no more. Idempotent."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._now()
        if self._clip(self._track.pcm(now - self._within, now), self._rate_hz).markers():
            self.found.set()
        else:
            self._timer = self._loop.call_later(_MARKER_EVERY_S, self._look)
