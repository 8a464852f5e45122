"""Gains and sums of 16-bit samples, clipped to full scale."""

from __future__ import annotations

from array import array
from operator import add
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number
from offhook.interfaces.frame import pcm_of, samples_of, saturated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


LEAST_DB: Final = -60.0
MOST_DB: Final = 20.0

# Fixed point, so that scaling a sample takes one product and one shift; the error is below 1/100 of a sample's step.
_BITS: Final = 24
_HALF: Final = 1 << (_BITS - 1)


class Gain:
    """A gain other than 0 dB; made by `gain_of`."""

    __slots__ = ("_factor", "clipped", "db")

    def __init__(self, db: float) -> None:
        self.db: float = db
        #: How many samples it has clipped so far.
        self.clipped: int = 0
        self._factor = round(10 ** (db / 20) * (1 << _BITS))

    def apply(self, pcm: bytes) -> bytes:
        """The same audio, louder or softer, clipped to full scale."""
        factor = self._factor
        scaled = [sample * factor + _HALF >> _BITS for sample in samples_of(pcm)]
        try:
            return pcm_of(array("h", scaled))
        except OverflowError:
            self.clipped += beyond_full_scale(scaled)
            return pcm_of(saturated(scaled))


def gain_of(db: float) -> Gain | None:
    """The gain for a number of decibels; None for 0 dB, which changes nothing and costs nothing.

    Raises:
        ConfigError: `db` is not a number from -60 to 20.
    """
    db = check_number(db, "gain_db", least=LEAST_DB, most=MOST_DB, guess="To send silence, mute the call")
    return Gain(db) if db else None


def mixed(sounds: Sequence[bytes]) -> tuple[bytes, int]:
    """The sum of at least one sound, all of the same length, and how many of its samples were clipped.

    It is clipped after the last addition, so that the order of the sounds does not matter.
    """
    if len(sounds) == 1:
        return sounds[0], 0
    first, *others = map(samples_of, sounds)
    total: Sequence[int] = first
    for samples in others:
        total = list(map(add, total, samples))
    try:
        return pcm_of(array("h", total)), 0
    except OverflowError:
        return pcm_of(saturated(total)), beyond_full_scale(total)


def beyond_full_scale(values: Iterable[int]) -> int:
    """How many of `values` do not fit into 16 bits."""
    return sum(not -32768 <= value <= 32767 for value in values)
