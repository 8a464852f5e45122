"""Is somebody speaking? An energy gate over frames.

Time is the audio's own: positions in samples, no clock. Where a position jumps, nothing was heard, and that counts as
silence. An energy gate takes any loud enough sound for speech; where music or noise matters, use a real detector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from offhook.interfaces.frame import level_dbfs

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak. `position` is the first loud sample."""

    position: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """They have been quiet for the hang time. `position` is the first sample after the last loud one."""

    position: int


SpeechChange: TypeAlias = SpeechStarted | SpeechStopped


class SpeechDetector:
    """Tells when speech starts and stops in one stream.

    Args:
        rate_hz: sampling rate of the stream.
        threshold_dbfs: a frame at this level (root mean square) or above is loud.
        start_ms: speech has started after this much loudness on end; shorter noises are passed over.
        hang_ms: speech has stopped after this much quiet on end; shorter pauses belong to it.
    """

    def __init__(self, rate_hz: int, threshold_dbfs: float = -45.0, start_ms: int = 60, hang_ms: int = 500) -> None:
        self.rate_hz = rate_hz
        self.threshold_dbfs = threshold_dbfs
        self._start = start_ms * rate_hz // 1000
        self._hang = hang_ms * rate_hz // 1000
        #: Where the stream has got to; None before the first frame.
        self._end: int | None = None
        #: First sample of the loudness on end, and the first after the last loud one.
        self._loud_from: int | None = None
        self._quiet_from = 0
        #: Whether somebody is speaking; pauses shorter than the hang time are speech.
        self.speaking: bool = False

    @property
    def quiet_ms(self) -> float:
        """How long it has been quiet, in milliseconds, from the stream's first frame or the last loud one."""
        return 0.0 if self._end is None else (self._end - self._quiet_from) * 1000 / self.rate_hz

    def feed(self, frame: AudioFrame) -> SpeechChange | None:
        """Take the next frame and tell what changed.

        A frame is judged as a whole, so give frames of 10 to 60 ms. A position that steps back (the stream began anew)
        is no silence.

        Raises:
            ValueError: the frame has another rate.
        """
        if frame.rate_hz != self.rate_hz:
            raise ValueError(f"a frame at {frame.rate_hz} Hz in a stream at {self.rate_hz} Hz: convert it first")
        if self._end is None:
            self._end = self._quiet_from = frame.position
        elif (step := frame.position - self._end) < 0:
            self._end += step
            self._quiet_from += step
            self._loud_from = None if self._loud_from is None else self._loud_from + step
        change = self.advance(frame.position)
        end = frame.position + frame.samples
        if level_dbfs(frame.pcm) < self.threshold_dbfs:
            after = self.advance(end)
            return change or after
        if self._loud_from is None:
            self._loud_from = frame.position
        self._end = self._quiet_from = end
        if change is None and not self.speaking and end - self._loud_from >= self._start:
            self.speaking = True
            change = SpeechStarted(self._loud_from)
        return change

    def advance(self, position: int) -> SpeechChange | None:
        """Nothing was heard up to `position`: tell what changed. For streams that pause without sending silence."""
        if self._end is None or position <= self._end:
            return None
        self._end = position
        self._loud_from = None
        if self.speaking and position - self._quiet_from >= self._hang:
            self.speaking = False
            return SpeechStopped(self._quiet_from)
        return None
