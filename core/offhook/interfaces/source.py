"""Audio source: something that can be played into a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.audio import AudioFrame


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
