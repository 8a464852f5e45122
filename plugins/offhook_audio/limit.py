"""The filter ``limit``: no sample goes beyond a ceiling."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_text
from offhook.errors import SpecError
from offhook.interfaces import AudioFilter, AudioFrame, pcm_of, samples_of
from offhook_audio.arguments import Number

if TYPE_CHECKING:
    from typing import Self

_CEILING: Final = Number("ceiling", "dBFS", -60, 0)


class LimitFilter(AudioFilter):
    """A hard limiter: samples beyond the ceiling are cut off, and all others stay as they are.

    It limits single samples, not the level, so the ceiling is a peak: a sine that just reaches -3 dBFS here has
    -6.01 dBFS by `offhook.interfaces.level_dbfs`, which is a root mean square.

    Args:
        ceiling_dbfs: -60 to 0.

    Raises:
        ConfigError: `ceiling_dbfs` is not a number in that range.
    """

    def __init__(self, ceiling_dbfs: float) -> None:
        ceiling_dbfs = _CEILING.check(ceiling_dbfs, "ceiling_dbfs")
        self._most = min(32767, round(32768 * 10 ** (ceiling_dbfs / 20)))

    @classmethod
    def parse(cls, argument: str) -> Self:
        """Make a filter from the argument of a spec: dBFS.

        Raises:
            SpecError: the argument is not a number from -60 to 0.
        """
        check_text(argument, "argument")
        return cls(_CEILING.read(argument, f"limit:{argument}", "limit:-3", SpecError))

    def apply(self, frame: AudioFrame) -> AudioFrame:
        most = self._most
        samples = samples_of(frame.pcm)
        if not samples or (max(samples) <= most and min(samples) >= -most):
            return frame
        limited = array("h", [max(-most, min(most, sample)) for sample in samples])
        return AudioFrame(pcm_of(limited), frame.rate_hz, frame.position)
