"""The sink ``null``: discards audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.arguments import check_text
from offhook.errors import SpecError
from offhook.interfaces import AudioSink
from offhook.wording import quoted

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame


class NullSink(AudioSink):
    """Discards audio.

    Args:
        argument: must be empty; the spec is just ``null``.

    Raises:
        SpecError: there is an argument, so another sink was probably meant.
        ConfigError: it is not text.
    """

    def __init__(self, argument: str = "") -> None:
        if check_text(argument, "argument"):
            raise SpecError(f"the sink null takes no argument, got {quoted(argument)}: write null, or recorder:PATH")

    async def write(self, frame: AudioFrame) -> None:
        pass

    async def aclose(self) -> None:
        pass
