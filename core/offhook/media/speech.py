"""Detects when speech starts and stops: an energy gate over frames.

Time is taken from the positions of frames, in samples, not from a clock. Where positions jump, nothing was heard, and
that counts as silence. An energy gate takes any loud enough sound for speech; where music or noise matters, use a real
detector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from offhook.arguments import MOST_S, check_instance, check_number, check_rate, check_whole
from offhook.errors import ConfigError
from offhook.interfaces.frame import SAMPLE_BYTES, SILENCE_DBFS, AudioFrame, level_dbfs

#: In a frame whose level is at the threshold, a sample of this many times that amplitude stands out. Counting those
#: recognises a frame of 8 dB above the threshold, be it a tone, noise or speech.
_STANDS_OUT: Final = 2.5
#: A sample's size is judged by its upper byte alone, which is that of a whole number of these steps.
_STEP: Final = 256
_MOST_STEPS: Final = 127


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech started. `position` is the first loud sample."""

    position: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech stopped: it was quiet for the hang time. `position` is the first sample after the last loud one."""

    position: int


SpeechChange: TypeAlias = SpeechStarted | SpeechStopped


class SpeechDetector:
    """Detects when speech starts and stops in one stream.

    Args:
        rate_hz: sampling rate of the stream.
        threshold_dbfs: a frame at this level (root mean square) or above is loud.
        start_ms: speech has started after this much loud audio without a break; shorter noises are ignored.
        hang_ms: speech has stopped after this much quiet without a break; shorter pauses belong to the speech.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_end",
        "_enough",
        "_hang",
        "_large",
        "_loud_amplitude",
        "_loud_from",
        "_quiet_from",
        "_silence",
        "_size",
        "_small",
        "_start",
        "rate_hz",
        "speaking",
        "threshold_dbfs",
    )

    def __init__(self, rate_hz: int, threshold_dbfs: float = -45.0, start_ms: int = 60, hang_ms: int = 500) -> None:
        self.rate_hz: int = check_rate(rate_hz)
        self.threshold_dbfs: float = check_number(
            threshold_dbfs, "threshold_dbfs", least=SILENCE_DBFS, most=0, unit="dBFS"
        )
        #: The amplitude of a loud frame, root mean square, and a little more than that.
        self._loud_amplitude = 32768 * 10 ** (self.threshold_dbfs / 20) * (1 + 1e-9)
        steps = min(max(1, round(_STANDS_OUT * self._loud_amplitude / _STEP)), _MOST_STEPS)
        #: The upper bytes of small samples. All other samples are at least `_large`, above or below zero.
        self._small = bytes(upper & 0xFF for upper in range(-steps, steps))
        self._large = steps * _STEP
        #: For frames of the size in bytes of the last one: silence, and how many large samples make a loud frame.
        self._size = 0
        self._silence = b""
        self._enough = 0
        most = 1000 * MOST_S
        self._start = check_whole(start_ms, "start_ms", least=0, most=most, unit="milliseconds") * self.rate_hz // 1000
        self._hang = check_whole(hang_ms, "hang_ms", least=0, most=most, unit="milliseconds") * self.rate_hz // 1000
        #: The end of the stream so far; None before the first frame.
        self._end: int | None = None
        #: The first sample of the loud audio that goes on now, and the first sample after the last loud one.
        self._loud_from: int | None = None
        self._quiet_from = 0
        #: Whether speech has started and not stopped; pauses shorter than the hang time belong to it.
        self.speaking: bool = False

    @property
    def quiet_ms(self) -> float:
        """How long it has been quiet, in milliseconds, since the last loud frame or the start of the stream."""
        return 0.0 if self._end is None else (self._end - self._quiet_from) * 1000 / self.rate_hz

    @property
    def loud_ms(self) -> float:
        """How long it has been loud without a break, in milliseconds, up to the last frame; 0 while it is quiet."""
        if self._end is None or self._loud_from is None:
            return 0.0
        return (self._end - self._loud_from) * 1000 / self.rate_hz

    def feed(self, frame: AudioFrame, position: int | None = None) -> SpeechChange | None:
        """Process the next frame. Returns what changed, or None.

        A frame is judged as a whole, so pass frames of 10 to 60 ms. A position that steps back means that the stream
        started again; it does not count as silence.

        Args:
            frame: the frame.
            position: where it begins; by default, at its own position.

        Raises:
            ConfigError: it is not a frame, or has another rate; or `position` is not a whole number.
        """
        if type(frame) is not AudioFrame:  # the usual case is checked without a call
            check_instance(frame, "frame", AudioFrame, "an AudioFrame")
        if frame.rate_hz != self.rate_hz:
            raise ConfigError(
                f"frame at {frame.rate_hz} Hz, detector at {self.rate_hz} Hz: convert the frame first, for "
                f"example with call.audio(rate_hz={self.rate_hz})"
            )
        if position is None:
            position = frame.position
        elif type(position) is not int:
            position = check_whole(position, "position")
        if self._end is None:
            self._end = self._quiet_from = position
        elif (step := position - self._end) < 0:
            self._end += step
            self._quiet_from += step
            self._loud_from = None if self._loud_from is None else self._loud_from + step
        pcm = frame.pcm
        end = position + len(pcm) // SAMPLE_BYTES
        change = self._advance(position) if position > self._end else None
        if not self._is_loud(pcm):
            after = self._advance(end)
            return change or after
        if self._loud_from is None:
            self._loud_from = position
        self._end = self._quiet_from = end
        if change is None and not self.speaking and end - self._loud_from >= self._start:
            self.speaking = True
            change = SpeechStarted(self._loud_from)
        return change

    def advance(self, position: int) -> SpeechChange | None:
        """Process silence up to `position`. Returns what changed, or None. For streams that pause without frames.

        Raises:
            ConfigError: `position` is not a whole number.
        """
        if type(position) is not int:  # the usual case is checked without a call
            position = check_whole(position, "position")
        return self._advance(position)

    def _advance(self, position: int) -> SpeechChange | None:
        if self._end is None or position <= self._end:
            return None
        self._end = position
        self._loud_from = None
        if self.speaking and position - self._quiet_from >= self._hang:
            self.speaking = False
            return SpeechStopped(self._quiet_from)
        return None

    def _is_loud(self, pcm: bytes) -> bool:
        """Whether a frame reaches the threshold. Most loud frames are recognised by the number of their large samples.

        Their energy, if they were no larger, is at most that of the frame, so that the answer is the same.
        """
        if len(pcm) != self._size:  # of the frame before
            self._size = len(pcm)
            self._silence = bytes(self._size)
            self._enough = math.ceil(self._size // SAMPLE_BYTES * (self._loud_amplitude / self._large) ** 2)
        if pcm == self._silence:  # digital silence
            return self.threshold_dbfs <= SILENCE_DBFS
        if len(pcm[1::SAMPLE_BYTES].translate(None, self._small)) >= self._enough:
            return True
        return level_dbfs(pcm) >= self.threshold_dbfs
