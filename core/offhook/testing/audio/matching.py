"""Finds a piece of audio in a recording, though codecs, gains, lost frames and jitter buffers have changed it.

The wanted audio is cut into blocks, and each block is looked up by its correlation, divided by the power of both, so
that gain does not matter. Blocks that agree on where the whole begins are a match; they may differ by what a jitter
buffer inserts or leaves out. So a lost frame costs a little correlation, and a part that was not played its blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.testing.audio.measures import Floats

#: Both sides are compared at this rate, in hertz: voice is below 4 kHz.
RATE_HZ: Final = 8_000
_BLOCK: Final = RATE_HZ * 3 // 10
#: Blocks that are looked up in the whole recording; the others only where these say that the wanted audio is.
_MOST_VOTERS: Final = 8
#: Places that a block votes for, at most.
_MOST_VOTES: Final = 6
#: A block is found where its correlation is at least this. Other speech of the same voice rarely reaches it.
_FOUND: Final = 0.6
#: A jitter buffer may move blocks against one another by this.
_SHIFT: Final = RATE_HZ * 6 // 100
#: Blocks that are this far below the loudest one do not count: they are pauses.
_PAUSE_DB: Final = 25.0
#: Of places that are nearly as good as the best, the first one is the match.
_NEARLY: Final = 0.9
#: Peaks of a correlation that differ by less are of the same height.
_AS_GOOD: Final = 0.98
#: The power of a sample below which a recording is silent (-60 dBFS): noise there must not correlate with anything.
_SILENT_POWER: Final = 1e-6
_MOST_PLACES: Final = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where the wanted audio is.

    Attributes:
        at: the place of its first sample, in samples of the recording; negative if its beginning is cut off.
        correlation: how alike both are where it was found: 1 for the same up to its gain.
        gain_db: how much louder it is than the wanted audio.
        covered: the share of the wanted audio that was found, from 0 to 1; pauses do not count.
    """

    at: float
    correlation: float
    gain_db: float
    covered: float


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    samples: Floats

    @property
    def power(self) -> float:
        return float(self.samples @ self.samples)


def find(recording: Floats, wanted: Floats) -> Place | None:
    """The best match for `wanted`, the first of equals; None if no block of it was found. Both are at `RATE_HZ`."""
    blocks = _blocks(wanted)
    if not blocks or not recording.size:
        return None
    # Silence at both ends, so that audio whose beginning or end was cut off is found as well.
    margin = _BLOCK
    padded = np.pad(recording, margin)
    power = np.concatenate(([0.0], np.cumsum(padded**2)))
    places = [_place(padded, power, blocks, start) for start in _starts(padded, power, wanted, blocks)]
    found = [place for place in places if place is not None]
    if not found:
        return None
    best = max(place.covered * place.correlation for place in found)
    good = [place for place in found if place.covered * place.correlation >= _NEARLY * best]
    first_at = min(place.at for place in good)
    # Periodic audio is found at every period around its place, a little worse.
    first = max((it for it in good if it.at - first_at <= _BLOCK), key=lambda it: it.covered * it.correlation)
    return Place(first.at - margin, first.correlation, first.gain_db, first.covered)


def peaks(values: Floats, most: int, least: float, apart: int) -> Iterator[int]:
    """The places of the largest values, at most `most`, of at least `least`, and `apart` from one another."""
    values = values.copy()
    for _ in range(most):
        at = int(np.argmax(values)) if values.size else 0
        if not values.size or values[at] < least:
            return
        yield at
        values[max(0, at - apart) : at + apart + 1] = -np.inf


def correlations(recording: Floats, power: Floats, wanted: Floats) -> Floats:
    """The normalised correlation of `wanted` with each place of the recording, whose summed power is `power`."""
    return _normalised(_correlate(recording, wanted), power, wanted)


def between(values: Floats, at: int) -> float:
    """The place of a peak between samples, by the parabola through it and its neighbours."""
    if not 0 < at < values.size - 1:
        return float(at)
    left, middle, right = (float(value) for value in values[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return at + (0.5 * (left - right) / bend if bend else 0.0)


def _blocks(wanted: Floats) -> list[_Block]:
    """The blocks of the wanted audio that are not pauses. The last one overlaps its neighbour if it must."""
    size = min(_BLOCK, wanted.size)
    starts = list(range(0, max(0, wanted.size - size) + 1, _BLOCK)) if size else []
    if starts and wanted.size - (starts[-1] + size) >= _BLOCK // 2:
        starts.append(wanted.size - size)
    blocks = [_Block(start, wanted[start : start + size]) for start in starts]
    least = max((block.power for block in blocks), default=0.0) * 10 ** (-_PAUSE_DB / 10)
    return [block for block in blocks if block.power > least]


def _starts(recording: Floats, power: Floats, wanted: Floats, blocks: list[_Block]) -> list[int]:
    """Where the wanted audio may begin: where most blocks say so, and where the whole correlates best."""
    votes: list[tuple[int, float]] = []
    step = max(1, len(blocks) // _MOST_VOTERS)
    for block in blocks[::step][:_MOST_VOTERS]:
        values = correlations(recording, power, block.samples)
        votes += [(at - block.start, float(values[at])) for at in peaks(values, _MOST_VOTES, _FOUND, _SHIFT // 2)]
    totals = [(sum(weight for other, weight in votes if abs(other - at) <= _SHIFT), at) for at, _ in votes]
    starts: list[int] = []
    for _, at in sorted(totals, key=lambda item: (-item[0], item[1])):
        if len(starts) < _MOST_PLACES and all(abs(at - other) > _SHIFT // 2 for other in starts):
            starts.append(at)
    # Periodic audio, such as a tone, agrees with itself at every period: the overlap of the whole decides there.
    whole = _correlate(np.pad(recording, (wanted.size, wanted.size)), wanted)
    return starts + [at - wanted.size for at in peaks(whole, 2, 1e-9, _SHIFT)]


def _place(recording: Floats, power: Floats, blocks: list[_Block], start: int) -> Place | None:
    """How much of the wanted audio is found if it begins near `start`; None if nothing is."""
    found: list[tuple[float, float, _Block]] = []
    inner = products = 0.0
    for block in blocks:
        low = max(0, start + block.start - _SHIFT)
        part = recording[low : max(0, start + block.start + _SHIFT + block.samples.size)]
        if part.size < block.samples.size:
            continue
        products_here = _correlate(part, block.samples)
        values = _normalised(products_here, power[low : low + part.size + 1], block.samples)
        if values.max() >= _FOUND:
            at = _nearest_peak(values, start + block.start - low)
            found.append((low + between(values, at) - block.start, float(values[at]), block))
            inner += float(products_here[at])
            products += block.power
    if not found:
        return None
    # Where the first blocks say that it begins: later ones may have been moved by a jitter buffer.
    at_start = float(np.median([at for at, _, _ in found[:3]]))
    return Place(
        at_start,
        float(np.mean([value for _, value, _ in found])),
        20 * float(np.log10(inner / products)),
        len(found) / len(blocks),
    )


def _nearest_peak(values: Floats, middle: int) -> int:
    """The place of the largest value; of several that are as large, the one nearest to the middle."""
    tops = np.flatnonzero(values >= _AS_GOOD * values.max())
    runs = np.split(tops, np.flatnonzero(np.diff(tops) > 1) + 1)
    places = [int(run[np.argmax(values[run])]) for run in runs]
    return min(places, key=lambda at: abs(at - middle))


def _correlate(recording: Floats, wanted: Floats) -> Floats:
    """The inner product of `wanted` with each place of the recording where it fits, by FFT."""
    places = recording.size - wanted.size + 1
    if places < 1:
        return np.zeros(0)
    size = _fast(recording.size)
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(wanted, size))
    return np.fft.irfft(spectrum, size)[:places]


def _normalised(products: Floats, power: Floats, wanted: Floats) -> Floats:
    here = power[wanted.size :] - power[: -wanted.size]
    floor = _SILENT_POWER * wanted.size
    return products / np.sqrt(np.maximum(here, floor) * float(wanted @ wanted))


def _fast(size: int) -> int:
    """The next length of which FFTs are fast: a power of two, or three quarters of one."""
    power = 1 << max(1, size - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= size else power
