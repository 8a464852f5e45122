"""Interfaces that make, take or change audio: `AudioSource`, `AudioSink`, `AudioFilter` and `Resampler`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame


class AudioSource(ABC):
    """Yields audio once, from start to end.

    The constructor opens the file or the device and raises what is wrong with it, so that errors appear before anything
    rings.
    """

    #: True if the audio is made while it is read (a microphone, a synthesiser). It is then converted with little delay
    #: rather than with the best quality.
    live: bool = False

    #: Set by the core when the source is played: a source plays once.
    taken: bool = False

    @abstractmethod
    async def read(self) -> AudioFrame | None:
        """Return the next frame, of any length and rate; None at the end, and for each call after it.

        The core converts frames to the leg's rate.

        `frame.position` counts the samples from the beginning of the source: each frame begins where the one before
        ended, or later where the source has a gap. It is for code that reads the source itself, such as a sink, which
        writes silence for a gap. Playout ignores it, and plays one frame after the other.

        Raises:
            SourceError: the rest cannot be read.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Close the file or the device. Idempotent. Called when playing ends, at the end of the audio or before it."""
        ...


class AudioSink(ABC):
    """Takes audio once, from start to end.

    The constructor opens the output and raises `StorageError` if it cannot be written, before anything rings.
    """

    @abstractmethod
    async def write(self, frame: AudioFrame) -> None:
        """Write one frame.

        All frames of one sink have the same rate. Where `frame.position` jumps, nothing was heard.

        Raises:
            StorageError: the frame cannot be written. The call goes on without this sink.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Finish the output. Idempotent."""
        ...


class AudioFilter(ABC):
    """Changes the audio of one direction of one call, frame by frame; it may keep state between frames.

    A filter runs on the frame path, once every 20 ms, and must not block. A filter that raises, or returns a frame of
    another length or rate, is removed and the error is noted; the audio goes on without it.
    """

    #: Set by the core when the filter is added to a call: a filter is used once.
    taken: bool = False

    @abstractmethod
    def apply(self, frame: AudioFrame) -> AudioFrame:
        """Return the frame that replaces `frame`: the same number of samples, at the same rate.

        Called for silence, too.
        """
        ...

    def close(self) -> None:  # noqa: B027 - most filters hold nothing
        """Release what the filter holds. Called once, when it was removed or the call has ended."""


class Resampler(ABC):
    """Converts one direction of one stream from one rate to another; it keeps the last samples between calls.

    Its whole output, that of `flush` included, must be as long as its whole input times the ratio of the rates,
    accurate to one sample.
    """

    #: How many samples were clipped so far, because the converted audio goes beyond full scale. The core reads it when
    #: the stream has ended, and adds it to the record of the call.
    clipped_samples: int = 0

    @abstractmethod
    def convert(self, pcm: bytes) -> bytes:
        """Convert `pcm` (signed 16-bit little-endian mono) and return the samples that are ready; may be empty."""
        ...

    @abstractmethod
    def flush(self) -> bytes:
        """Return the samples that it still holds, at the end of the stream."""
        ...
