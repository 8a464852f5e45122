"""The source ``silence``: silence for some seconds, or without end."""

from __future__ import annotations

from typing import Final

from offhook.arguments import check_text
from offhook.interfaces import SAMPLE_BYTES, AudioFrame, AudioSource, samples_per_frame
from offhook_audio.arguments import DURATION

RATE_HZ: Final = 16_000
_FRAME: Final = samples_per_frame(RATE_HZ)


class SilenceSource(AudioSource):
    """Silence at 16 kHz in frames of 20 ms.

    Args:
        duration_s: length in seconds, 0.001 to 86,400; None for no end.

    Raises:
        ConfigError: `duration_s` is not a number in that range.
    """

    rate_hz = RATE_HZ

    def __init__(self, duration_s: float | None = None) -> None:
        self._end = None if duration_s is None else round(DURATION.check(duration_s, "duration_s") * RATE_HZ)
        self._position = 0

    @classmethod
    def parse(cls, argument: str) -> SilenceSource:
        """Make a source from the argument of a spec: seconds, or nothing for no end.

        Raises:
            SourceError: the argument is not a number of seconds in the range.
        """
        check_text(argument, "argument")
        if not argument:
            return cls()
        return cls(DURATION.read(argument, f"silence:{argument}", "silence:2.5"))

    async def read(self) -> AudioFrame | None:
        samples = _FRAME if self._end is None else min(_FRAME, self._end - self._position)
        if not samples:
            return None
        frame = AudioFrame(bytes(samples * SAMPLE_BYTES), RATE_HZ, self._position)
        self._position += samples
        return frame

    async def aclose(self) -> None:
        self._end = self._position
