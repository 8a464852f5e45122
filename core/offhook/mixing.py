"""Mixing: sounds are added, sample by sample, and the sum is clipped to 16 bits once."""

from __future__ import annotations

from array import array
from operator import add
from typing import TYPE_CHECKING

from offhook.audio import pcm_of, samples_of, saturated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def mixed(sounds: Sequence[bytes]) -> bytes:
    """The sum of at least one sound, all of the same length.

    It is clipped after the last addition, so that the order of the sounds does not matter.
    """
    if len(sounds) == 1:
        return sounds[0]
    first, *others = map(samples_of, sounds)
    total: Iterable[int] = first
    for samples in others:
        total = list(map(add, total, samples))
    try:
        return pcm_of(array("h", total))
    except OverflowError:
        return pcm_of(saturated(total))
