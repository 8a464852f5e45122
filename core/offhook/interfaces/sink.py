"""Audio sink: something that takes what was heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.audio import AudioFrame


class AudioSink(ABC):
    """Takes audio, once, from start to end.

    A sink is opened when it is made: an output that cannot be written is refused then, before anything rings.
    """

    @abstractmethod
    async def write(self, frame: AudioFrame) -> None:
        """Take one frame. All frames of one sink have the same rate; where `frame.position` jumps, nothing was heard.

        Raises:
            RecordingError: it cannot be written. The call goes on without this sink.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Finish the output. Idempotent."""
        ...
