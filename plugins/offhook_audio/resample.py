"""What both resamplers share: their output has exactly the right number of samples."""

from __future__ import annotations

from abc import abstractmethod

from offhook.arguments import check_rate
from offhook.interfaces import SAMPLE_BYTES, Resampler


class ExactResampler(Resampler):
    """Counts samples, so that the whole stream is as long as its input times the ratio of the rates, rounded.

    Libraries round that length up or down depending on the state of their filters, and over many short streams the
    errors would add up.

    Args:
        from_hz: rate of the input.
        to_hz: rate of the output.

    Raises:
        ConfigError: a rate is not a whole number of hertz from 1 to 768,000.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = check_rate(from_hz, "from_hz")
        self._to_hz = check_rate(to_hz, "to_hz")
        self._taken = 0
        self._given = 0
        self._flushed = False

    def convert(self, pcm: bytes) -> bytes:
        if self._flushed:
            raise ValueError("this stream was flushed: make a new resampler for the next one")
        if not pcm:
            return b""
        self._taken += len(pcm) // SAMPLE_BYTES
        converted = pcm if self._from_hz == self._to_hz else self._convert(pcm)
        self._given += len(converted) // SAMPLE_BYTES
        return converted

    def flush(self) -> bytes:
        if self._flushed:
            return b""
        self._flushed = True
        total = (2 * self._taken * self._to_hz + self._from_hz) // (2 * self._from_hz)
        missing = (total - self._given) * SAMPLE_BYTES
        rest = self._flush() if missing else b""
        return rest[:missing].ljust(missing, b"\0")

    @abstractmethod
    def _convert(self, pcm: bytes) -> bytes:
        """Convert `pcm`, which is not empty, and return the samples that are ready."""
        ...

    @abstractmethod
    def _flush(self) -> bytes:
        """Return the samples that the library still holds; there may be one too many or one too few."""
        ...
