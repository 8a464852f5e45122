"""Gain: louder or softer by so many decibels, rounded to the nearest sample and never past full scale."""

from __future__ import annotations

from array import array
from typing import Final, cast

from offhook.audio import pcm_of, samples_of, saturated
from offhook.errors import ConfigError

LEAST_DB: Final = -60.0
MOST_DB: Final = 20.0

# Fixed point, so that a sample is one product and one shift: the error is below a hundredth of a sample's step.
_BITS: Final = 24
_HALF: Final = 1 << (_BITS - 1)


class Gain:
    """A gain other than 0 dB; made by `gain_of`."""

    __slots__ = ("_factor", "db")

    def __init__(self, db: float) -> None:
        self.db: float = db
        self._factor = round(10 ** (db / 20) * (1 << _BITS))

    def apply(self, pcm: bytes) -> bytes:
        """The same audio, louder or softer; what would be past full scale is clipped to it."""
        factor = self._factor
        scaled = [sample * factor + _HALF >> _BITS for sample in samples_of(pcm)]
        try:
            return pcm_of(array("h", scaled))
        except OverflowError:
            return pcm_of(saturated(scaled))


def gain_of(db: float) -> Gain | None:
    """A gain of so many decibels; None for 0 dB, which changes nothing and costs nothing.

    Raises:
        ConfigError: it is not a number from -60 to 20.
    """
    number = cast("object", db)  # whatever a program gives
    if not isinstance(number, int | float) or not LEAST_DB <= number <= MOST_DB:
        raise ConfigError(
            f"a gain of {db!r} dB is no good: give a number of {LEAST_DB:g} to {MOST_DB:g} dB. To say nothing at all, "
            "mute the call"
        )
    return Gain(db) if db else None
