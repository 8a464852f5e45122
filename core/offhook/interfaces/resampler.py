"""Resampler: converts a stream of audio from one rate to another."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Resampler(ABC):
    """One direction of one stream; it keeps the last samples between calls.

    The sum of what it gives, `flush` included, is the sum of what it took times the ratio of the rates, to a sample.
    """

    @abstractmethod
    def convert(self, pcm: bytes) -> bytes:
        """What can be given after taking `pcm` (s16le mono); may be empty."""
        ...

    @abstractmethod
    def flush(self) -> bytes:
        """The rest, at the end of the stream."""
        ...
