"""The source ``tone``: a sine of one frequency."""

from __future__ import annotations

import math
import struct
from typing import Final

from offhook.arguments import check_text
from offhook.errors import SourceError
from offhook.interfaces import AudioFrame, AudioSource, samples_per_frame
from offhook.wording import quoted
from offhook_audio.arguments import DURATION, Number

RATE_HZ: Final = 16_000
_FRAME: Final = samples_per_frame(RATE_HZ)
_EXAMPLE: Final = "tone:440,2.5,-20 (hertz, seconds, dBFS)"

_FREQUENCY: Final = Number("frequency", "hertz", 1, 7_900)
#: A full-scale sine has -3.01 dBFS, root mean square.
_LEVEL: Final = Number("level", "dBFS", -90, -3.02)


class ToneSource(AudioSource):
    """A sine at 16 kHz in frames of 20 ms.

    Args:
        frequency_hz: 1 to 7900.
        duration_s: length in seconds, 0.001 to 86,400; None for no end.
        level_dbfs: level as `offhook.interfaces.level_dbfs` measures it (root mean square), -90 to -3.02.

    Raises:
        ConfigError: an argument is not a number in its range.
    """

    rate_hz = RATE_HZ

    def __init__(self, frequency_hz: float, duration_s: float | None = None, level_dbfs: float = -20.0) -> None:
        frequency_hz = _FREQUENCY.check(frequency_hz, "frequency_hz")
        level_dbfs = _LEVEL.check(level_dbfs, "level_dbfs")
        self._step = 2 * math.pi * frequency_hz / RATE_HZ
        self._amplitude = 32768 * math.sqrt(2) * 10 ** (level_dbfs / 20)
        self._end = None if duration_s is None else round(DURATION.check(duration_s, "duration_s") * RATE_HZ)
        self._position = 0

    @classmethod
    def parse(cls, argument: str) -> ToneSource:
        """Make a source from the argument of a spec: hertz, then optionally seconds and dBFS, separated by commas.

        Raises:
            SourceError: the frequency is missing, a number is out of range, or there are too many.
        """
        check_text(argument, "argument")
        spec = f"tone:{argument}"
        parts = argument.split(",")
        if not argument or len(parts) > 3:
            raise SourceError(
                f"invalid spec {quoted(spec)}: tone needs one to three numbers. Write for example {_EXAMPLE}"
            )
        frequency_hz = _FREQUENCY.read(parts[0], spec, _EXAMPLE)
        duration_s = DURATION.read(parts[1], spec, _EXAMPLE) if len(parts) > 1 else None
        level_dbfs = _LEVEL.read(parts[2], spec, _EXAMPLE) if len(parts) > 2 else -20.0
        return cls(frequency_hz, duration_s, level_dbfs)

    async def read(self) -> AudioFrame | None:
        samples = _FRAME if self._end is None else min(_FRAME, self._end - self._position)
        if not samples:
            return None
        step, amplitude = self._step, self._amplitude
        # Computed from the position, not from the frame before, so that errors do not add up over hours.
        sine = [round(amplitude * math.sin(step * at)) for at in range(self._position, self._position + samples)]
        frame = AudioFrame(struct.pack(f"<{samples}h", *sine), RATE_HZ, self._position)
        self._position += samples
        return frame

    async def aclose(self) -> None:
        self._end = self._position
