"""The source ``marker``: a chirp, whose arrival can be measured to a millisecond."""

from __future__ import annotations

from typing import Final

from offhook.arguments import check_text
from offhook.errors import SpecError
from offhook.interfaces import SAMPLE_BYTES, AudioFrame, AudioSource, samples_per_frame
from offhook.testing.audio import marker
from offhook.wording import quoted

RATE_HZ: Final = 16_000
_FRAME: Final = samples_per_frame(RATE_HZ)


class MarkerSource(AudioSource):
    """The marker of `offhook.testing.audio.marker`, once, at 16 kHz in frames of 20 ms.

    Args:
        argument: must be empty; the spec is just ``marker``.

    Raises:
        SpecError: there is an argument.
        ConfigError: it is not text.
    """

    rate_hz = RATE_HZ

    def __init__(self, argument: str = "") -> None:
        if check_text(argument, "argument"):
            raise SpecError(f"the source marker takes no argument, got {quoted(argument)}: write marker")
        self._pcm = marker(RATE_HZ).pcm
        self._position = 0

    async def read(self) -> AudioFrame | None:
        start = self._position * SAMPLE_BYTES
        pcm = self._pcm[start : start + _FRAME * SAMPLE_BYTES]
        if not pcm:
            return None
        frame = AudioFrame(pcm, RATE_HZ, self._position)
        self._position += frame.samples
        return frame

    async def aclose(self) -> None:
        self._pcm = b""
