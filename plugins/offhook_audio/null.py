"""The sink ``null``: takes audio and forgets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import SpecError
from offhook.interfaces import AudioSink
from offhook.wording import quoted

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame


class NullSink(AudioSink):
    """Takes audio and forgets it.

    Args:
        argument: nothing; the spec is just ``null``.

    Raises:
        SpecError: there is an argument, so something else was meant.
    """

    def __init__(self, argument: str = "") -> None:
        if argument:
            raise SpecError(f"null takes no argument, and got {quoted(argument)}: write null, or recorder:PATH")

    async def write(self, frame: AudioFrame) -> None:
        pass

    async def aclose(self) -> None:
        pass
