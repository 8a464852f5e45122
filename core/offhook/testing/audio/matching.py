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

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: Both sides are compared at this rate, in hertz: voice is below 4 kHz.
RATE_HZ: Final = 8_000
_BLOCK: Final = RATE_HZ * 3 // 10
#: Blocks that are looked up in the whole recording; the others only where these say that the wanted audio is.
_MOST_VOTERS: Final = 8
#: Places that a block votes for, at most.
_MOST_VOTES: Final = 6
#: Blocks that vote for more places than this, on average, are periodic.
_PERIODIC: Final = 2
#: A block is found where its correlation is at least this. Other speech of the same voice rarely reaches it.
_FOUND: Final = 0.6
#: A jitter buffer may move blocks against one another by this.
_SHIFT: Final = RATE_HZ * 6 // 100
#: Blocks that are this far below the loudest one do not count: they are pauses.
_PAUSE_DB: Final = 25.0
#: Of places that are nearly as good as the best, the first one is the match.
_NEARLY: Final = 0.9
#: A place of a tone that has at least this share of the best overlap is at its beginning, or after it.
_OVERLAPS: Final = 0.8
#: Peaks of a correlation that differ by less are of the same height.
_AS_GOOD: Final = 0.98
#: The power of a sample below which a recording is silent (-60 dBFS): noise there must not correlate with anything.
_SILENT_POWER: Final = 1e-6
_MOST_PLACES: Final = 8
#: A place is looked at if at least this share of the votes for the best one speaks for it.
_NOT_ALONE: Final = 0.5


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
    starts, whole_start = _starts(padded, wanted, blocks)
    places = {start: place for start in starts if (place := _place(padded, blocks, start)) is not None}
    if not places:
        return None
    best = max(place.covered * place.correlation for place in places.values())
    good = {start: it for start, it in places.items() if it.covered * it.correlation >= _NEARLY * best}
    first_at = min(place.at for place in good.values())
    near = {start: place for start, place in good.items() if place.at - first_at <= _BLOCK}
    # Periodic audio is found at every period around its place, as well or a little worse.
    whole = None if whole_start is None else near.get(whole_start)
    first = whole or max(near.values(), key=lambda it: it.covered * it.correlation)
    return Place(first.at - margin, first.correlation, first.gain_db, first.covered)


def peaks(values: Floats, most: int, least: float, apart: int) -> Iterator[int]:
    """The places of the largest values, at most `most`, of at least `least`, and more than `apart` from one another."""
    places = np.flatnonzero(values >= least)
    for _ in range(most):
        if not places.size:
            return
        at = int(places[np.argmax(values[places])])
        yield at
        places = places[np.abs(places - at) > apart]


class Correlator:
    """Correlates pieces of audio, all of one length, with every place of a recording where they fit.

    The recording is cut into overlapping rows, which fit into the processor's cache: for ten minutes of audio that is
    ten times as fast as one transform of the whole.

    Args:
        recording: the recording.
        width: the length of the pieces, in samples; at most that of the recording.
    """

    def __init__(self, recording: Floats, width: int) -> None:
        self._places = recording.size - width + 1
        self._size = 1 << (min(4 * width, recording.size) - 1).bit_length()
        self._step = self._size - width + 1
        rows = -(-self._places // self._step)
        padded = np.pad(recording, (0, rows * self._step + width - 1 - recording.size))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self._size)[:: self._step]
        self._spectra = np.fft.rfft(frames, axis=1)
        total = np.concatenate(([0.0], np.cumsum(recording**2)))
        self._power = np.maximum(total[width:] - total[:-width], _SILENT_POWER * width)

    def products(self, piece: Floats) -> Floats:
        """The inner product of the piece with each place."""
        spectra = self._spectra * np.conj(np.fft.rfft(piece, self._size))
        rows: Floats = np.fft.irfft(spectra, self._size, axis=1)
        return rows[:, : self._step].ravel()[: self._places]

    def correlations(self, piece: Floats) -> Floats:
        """The correlation of the piece with each place, divided by the power of both: 1 for the same up to its gain."""
        correlations: Floats = self.products(piece) / np.sqrt(self._power * float(piece @ piece))
        return correlations


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


def _starts(recording: Floats, wanted: Floats, blocks: list[_Block]) -> tuple[list[int], int | None]:
    """Where the wanted audio may begin: where most blocks say so.

    Returns:
        The places; and the one of them that decides if the audio is periodic, or None if it is not.
    """
    votes: list[tuple[int, float]] = []
    correlator = Correlator(recording, blocks[0].samples.size)
    step = -(-len(blocks) // _MOST_VOTERS)
    for block in blocks[::step]:
        values = correlator.correlations(block.samples)
        votes += [(at - block.start, float(values[at])) for at in peaks(values, _MOST_VOTES, _FOUND, _SHIFT // 2)]
    totals = [(sum(weight for other, weight in votes if abs(other - at) <= _SHIFT), at) for at, _ in votes]
    least = _NOT_ALONE * max(totals, default=(0.0, 0))[0]
    starts: list[int] = []
    for total, at in sorted(totals, key=lambda item: (-item[0], item[1])):
        if total >= least and len(starts) < _MOST_PLACES and all(abs(at - other) > _SHIFT // 2 for other in starts):
            starts.append(at)
    if len(votes) <= _PERIODIC * len(blocks[::step]):
        return starts, None
    # Periodic audio, such as a tone, agrees with itself at every period: the overlap of the whole decides there.
    products = Correlator(np.pad(recording, wanted.size), wanted.size).products(wanted)
    start = _first_overlap(products, wanted.size) - wanted.size
    return [*starts, start], start


def _first_overlap(products: Floats, size: int) -> int:
    """Where a periodic piece of `size` samples first overlaps with the recording as much as anywhere.

    The overlap with a longer tone grows until the piece lies within it, and is about the same from there on: lost
    frames lower it. So the first place with much of the best overlap is at most a share of the piece before the tone.
    """
    first = int(np.argmax(products >= _OVERLAPS * products.max()))
    ramp = products[first : first + round((1 - _OVERLAPS) * size) + 1]
    return first + int(np.argmax(ramp))


def _place(recording: Floats, blocks: list[_Block], start: int) -> Place | None:
    """How much of the wanted audio is found if it begins near `start`; None if nothing is."""
    found: list[tuple[float, float, _Block]] = []
    inner = power = 0.0
    for block in blocks:
        low = max(0, start + block.start - _SHIFT)
        part = recording[low : max(0, start + block.start + _SHIFT + block.samples.size)]
        if part.size < block.samples.size:
            continue
        values = Correlator(part, block.samples.size).correlations(block.samples)
        if values.max() >= _FOUND:
            at = _nearest_peak(values, start + block.start - low)
            found.append((low + between(values, at) - block.start, float(values[at]), block))
            inner += float(part[at : at + block.samples.size] @ block.samples)
            power += block.power
    if not found:
        return None
    # Where the first blocks say that it begins: later ones may have been moved by a jitter buffer.
    at_start = float(np.median([at for at, _, _ in found[:3]]))
    return Place(
        at_start,
        float(np.mean([value for _, value, _ in found])),
        20 * float(np.log10(inner / power)),
        len(found) / len(blocks),
    )


def _nearest_peak(values: Floats, middle: int) -> int:
    """The place of the largest value; of several that are as large, the one nearest to the middle."""
    tops = np.flatnonzero(values >= _AS_GOOD * values.max())
    runs = np.split(tops, np.flatnonzero(np.diff(tops) > 1) + 1)
    places = [int(run[np.argmax(values[run])]) for run in runs]
    return min(places, key=lambda at: abs(at - middle))
