"""Audio filter: changes audio on its way, sent or heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.audio import AudioFrame


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
