"""What takes, makes or changes audio: `AudioSource`, `AudioSink`, `AudioFilter` and `Resampler`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame


class AudioSource(ABC):
    """Gives audio, once, from start to end.

    A source is opened when it is made: whatever is wrong with a file or a device is raised then, before anything rings.
    """

    #: True where audio comes as it is made (a microphone, a synthesiser): it is converted with little delay rather than
    #: with the best quality.
    live: bool = False

    #: Set when it is played: a source plays once.
    taken: bool = False

    @abstractmethod
    async def read(self) -> AudioFrame | None:
        """The next frame, of any length and rate; None at the end, and ever after. The core converts the rate.

        Raises:
            SourceError: the rest cannot be read.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of the file or device. Idempotent; called by whoever played it to the end or gave up."""
        ...


class AudioSink(ABC):
    """Takes audio, once, from start to end.

    A sink is opened when it is made: an output that cannot be written is refused then, before anything rings.
    """

    @abstractmethod
    async def write(self, frame: AudioFrame) -> None:
        """Take one frame. All frames of one sink have the same rate; where `frame.position` jumps, nothing was heard.

        Raises:
            StorageError: it cannot be written. The call goes on without this sink.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Finish the output. Idempotent."""
        ...


class AudioFilter(ABC):
    """One direction of one call, frame by frame; it may keep what it needs between calls.

    It runs on the frame path, every 20 ms: it must not block. One that raises, or gives a frame of another length or
    rate, is taken out and noted, and the audio goes on without it.
    """

    #: Set when it is added to a call: a filter is used once.
    taken: bool = False

    @abstractmethod
    def apply(self, frame: AudioFrame) -> AudioFrame:
        """What takes the place of `frame`: as many samples, at the same rate. Silence is given to it, too."""
        ...

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds. Called once, when it was removed or the call has ended."""


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
