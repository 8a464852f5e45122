"""The filter ``gain``: louder or softer by a number of decibels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_text
from offhook.errors import SpecError
from offhook.interfaces import AudioFilter, AudioFrame, Damage
from offhook.media import LEAST_DB, MOST_DB, gain_of
from offhook_audio.arguments import Number

if TYPE_CHECKING:
    from typing import Self

_GAIN: Final = Number("gain", "dB", LEAST_DB, MOST_DB)


class GainFilter(AudioFilter):
    """Makes audio louder or softer, and clips it to 16 bits.

    Args:
        gain_db: -60 to 20.

    Raises:
        ConfigError: `gain_db` is not a number in that range.
    """

    def __init__(self, gain_db: float) -> None:
        self._gain = gain_of(gain_db)

    @classmethod
    def parse(cls, argument: str) -> Self:
        """Make a filter from the argument of a spec: decibels.

        Raises:
            SpecError: the argument is not a number from -60 to 20.
        """
        check_text(argument, "argument")
        return cls(_GAIN.read(argument, f"gain:{argument}", "gain:-6", SpecError))

    def apply(self, frame: AudioFrame) -> AudioFrame:
        if self._gain is None:
            return frame
        before = self._gain.clipped
        pcm = self._gain.apply(frame.pcm)
        clipped = self._gain.clipped - before
        return AudioFrame(pcm, frame.rate_hz, frame.position, damage=Damage(clipped) if clipped else frame.damage)
