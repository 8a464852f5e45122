"""Samples as programs hold them (bytes, arrays of integers or floats, several channels), made into 16-bit mono.

Whatever holds samples is read through Python's buffer protocol, so no array library is imported. An array of numpy is
converted by numpy, which its owner has imported: ten seconds at 48 kHz take 1 ms and not 100.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, cast

from offhook.errors import SourceError
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


#: More channels than any loudspeaker layout has: an array with more was probably passed with its axes swapped.
MOST_CHANNELS: Final = 8
_FULL_SCALE: Final = 32768
#: Channels cancel out where mixing them leaves less than a hundredth of their power (-20 dB), of -50 dBFS or more.
_CANCELLED: Final = 0.01
_AUDIBLE: Final = 10 ** (-50 / 10)
#: Fewer samples than this say nothing about whether channels cancel out.
_FEWEST: Final = 64
#: Values beyond this are all the same after clipping; larger ones would overflow in sums.
_MOST: Final = 1e30

#: Type codes of arrays of samples: 16-bit integers, and floats of 32 and 64 bits.
INT16: Final = "h"
FLOAT32: Final = "f"
FLOAT64: Final = "d"
_HALF: Final = "e"
_BYTES: Final = frozenset("bBc")
_WIDTHS: Final[Mapping[str, int]] = {INT16: 2, FLOAT32: 4, FLOAT64: 8, _HALF: 2}


@dataclass(frozen=True, slots=True)
class Damage:
    """How many samples of some audio do not have their true value.

    Attributes:
        clipped: beyond full scale; full scale was taken instead.
        sanitised: NaN, which became silence, or infinite, which became full scale.
        cancelled: nearly silent since channels that were mixed down cancelled each other out.
        halved: incomplete: the audio ended with half a sample, which was left out.
    """

    clipped: int = 0
    sanitised: int = 0
    cancelled: int = 0
    halved: int = 0

    def __add__(self, other: Damage) -> Damage:
        return Damage(*(getattr(self, name) + getattr(other, name) for name in KINDS_OF_DAMAGE))

    def __bool__(self) -> bool:
        return bool(self.clipped or self.sanitised or self.cancelled or self.halved)


KINDS_OF_DAMAGE: Final = tuple(item.name for item in fields(Damage))
UNDAMAGED: Final = Damage()


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one or several channels, as they were passed; an immutable copy.

    Attributes:
        data: the samples in the machine's byte order, interleaved.
        code: `INT16`, `FLOAT32` or `FLOAT64`.
        channels: how many samples belong to one moment.
        by_numpy: whether they are an array of numpy, which then converts them.
    """

    data: bytes
    code: str = INT16
    channels: int = 1
    by_numpy: bool = False

    @classmethod
    def of_pcm(cls, pcm: bytes) -> Samples:
        """One channel of 16-bit little-endian samples; an even number of bytes."""
        return cls(samples_of(pcm).tobytes())

    def __len__(self) -> int:
        return len(self.data) // self._width

    def part(self, start: int, count: int) -> Samples:
        """`count` moments from `start` on."""
        width = self._width
        return Samples(self.data[start * width : (start + count) * width], self.code, self.channels, self.by_numpy)

    def mono(self) -> tuple[bytes, Damage]:
        """16-bit little-endian PCM, the mean of all channels; and what was lost."""
        convert = _by_numpy if self.by_numpy else _by_hand
        return convert(self.data, self.code, self.channels)

    @property
    def _width(self) -> int:
        return _WIDTHS[self.code] * self.channels


def samples_in(given: object, *, floats_only: bool = False) -> Samples | memoryview | None:
    """The samples of an object that has the buffer protocol, or can be made an array of numpy, copied.

    Args:
        given: the object.
        floats_only: refuse arrays of integers.

    Returns:
        Samples of an array of int16 or floats; the view of an object that holds plain bytes, since only its reader
        knows what they mean; None if the object is neither.

    Raises:
        SourceError: samples of its type or shape cannot be played.
    """
    kind = type(given).__name__
    make_array = getattr(type(given), "__array__", None)
    try:
        given = make_array(given) if make_array is not None and kind != "ndarray" else given  # a tensor, for example
        view = memoryview(cast("bytes", given))
    except Exception as error:  # an array whose type has no format, a file map that was closed, a tensor of a GPU
        if isinstance(error, TypeError) and make_array is None:
            return None
        raise SourceError(f"{kind} cannot be read as samples: {describe(error)}") from None
    order, code = view.format[:-1], view.format[-1:]
    known = order in {"", "@", "=", "<", ">", "!"} and (code in _WIDTHS or code in _BYTES)
    if not known or (floats_only and code == INT16):
        wanted = "" if floats_only else "int16, or "
        cure = "Divide integers" if floats_only else "Convert them to int16 if their values fit, or divide integers"
        raise SourceError(
            f"samples must be {wanted}float32 or float64 between -1 and 1, got {kind} of {_type_name(view)}. {cure} by "
            "their full scale, for example array / 32768 for 16 bits"
        )
    channels = _channels(view, kind)
    if code in _BYTES:
        if view.ndim != 1:
            raise SourceError(f"bytes of samples must have one dimension, got {kind} of the shape {view.shape}")
        return view
    data = view.tobytes()
    if code == _HALF:
        data, code = struct.pack(f"={len(data) // 2}f", *struct.unpack(f"{order}{len(data) // 2}e", data)), FLOAT32
    elif {">": "big", "!": "big", "<": "little"}.get(order, sys.byteorder) != sys.byteorder:
        swapped = array(code, data)
        swapped.byteswap()
        data = swapped.tobytes()
    return Samples(data, code, channels, by_numpy=type(given).__module__ == "numpy")


def _channels(view: memoryview, kind: str) -> int:
    if view.ndim == 1:
        return 1
    rows, columns = view.shape if view.ndim == 2 and view.shape is not None else (0, 0)
    if 0 < columns <= MOST_CHANNELS:
        return columns
    cure = f"pass one channel, or mix it down to at most {MOST_CHANNELS} channels first"
    if 0 < rows <= MOST_CHANNELS < columns:
        cure = "its channels come first, so transpose it (array.T)"
    elif not view.ndim:
        cure = "it is a single number, so collect its samples in an array"
    shape = f"{kind} of the shape {view.shape}"
    raise SourceError(f"samples must have the shape (samples,) or (samples, channels), got {shape}: {cure}")


def _type_name(view: memoryview) -> str:
    code = view.format[-1:]
    if code in "hiIlLqQnNH":
        return f"{'u' if code.isupper() and code != 'N' else ''}int{8 * view.itemsize}"
    return {"?": "bool", "g": "long double", "O": "objects"}.get(view.format, f"the format {view.format!r}")


# ---- conversion


def _by_hand(data: bytes, code: str, channels: int) -> tuple[bytes, Damage]:
    values: array[int] | array[float] = array(code, data)
    if code == INT16:
        if channels == 1:
            return pcm_of(cast("array[int]", values)), UNDAMAGED
        mono, cancelled = _mixed_down(values, channels, _FULL_SCALE)
        return pcm_of(array("h", map(round, mono))), Damage(cancelled=cancelled)
    sanitised = 0
    if not math.isfinite(sum(values)):  # NaN and infinity survive every sum
        sanitised = sum(not math.isfinite(value) for value in values)
        values = array(code, map(_finite, values))
    mono, cancelled = (list(values), 0) if channels == 1 else _mixed_down(values, channels, 1)
    try:
        pcm = pcm_of(array("h", [round(value * _FULL_SCALE) for value in mono]))
    except OverflowError:
        scaled = [round(max(-2.0, min(2.0, value)) * _FULL_SCALE) for value in mono]
        clipped = sum(not -_FULL_SCALE <= value <= _FULL_SCALE for value in scaled)
        return pcm_of(saturated(scaled)), Damage(clipped, sanitised, cancelled)
    return pcm, Damage(0, sanitised, cancelled) if sanitised or cancelled else UNDAMAGED


def _finite(value: float) -> float:
    if value != value:  # only NaN differs from itself
        return 0.0
    return value if math.isfinite(value) else math.copysign(1.0, value)


def _mixed_down(values: Iterable[float], channels: int, scale: int) -> tuple[list[float], int]:
    """The mean of interleaved channels, and how many of its samples are nearly silent because they cancel out."""
    whole = [max(-_MOST, min(_MOST, value)) for value in values]
    columns = [whole[channel::channels] for channel in range(channels)]
    mono = [sum(moment) / channels for moment in zip(*columns, strict=True)]
    before = sum(math.hypot(*column) ** 2 for column in columns) / channels
    return mono, _cancelled(before / scale**2, math.hypot(*mono) ** 2 / scale**2, len(mono))


def _cancelled(before: float, after: float, count: int) -> int:
    """How many samples cancelled out, from the energy of `count` samples before and after mixing them down."""
    return count if count >= _FEWEST and before >= _AUDIBLE * count and after < _CANCELLED * before else 0


def _by_numpy(data: bytes, code: str, channels: int) -> tuple[bytes, Damage]:
    numpy = sys.modules["numpy"]  # the array is one of numpy, so it is imported
    block = numpy.frombuffer(data, code).reshape(-1, channels)
    if code == INT16 and channels == 1:
        return block.astype("<i2").tobytes(), UNDAMAGED
    sanitised = cancelled = 0
    if code != INT16 and not (good := numpy.isfinite(block)).all():
        sanitised = int(block.size - numpy.count_nonzero(good))
        block = numpy.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
    mono = block[:, 0]
    if channels > 1:
        block = numpy.clip(block.astype("d"), -_MOST, _MOST) / (_FULL_SCALE if code == INT16 else 1)
        mono = block.mean(axis=1)
        cancelled = _cancelled(float((block**2).sum()) / channels, float((mono**2).sum()), len(mono))
    rounded = numpy.rint(numpy.clip(mono, -2, 2) * _FULL_SCALE)
    clipped = int(numpy.count_nonzero(numpy.abs(rounded) > _FULL_SCALE))
    damage = Damage(clipped, sanitised, cancelled) if clipped or sanitised or cancelled else UNDAMAGED
    return numpy.clip(rounded, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes(), damage


# ---- 16-bit samples


def samples_of(pcm: bytes) -> array[int]:
    """The samples of little-endian PCM, as an array of native 16-bit integers."""
    samples = array("h", pcm)
    if sys.byteorder == "big":  # pragma: no cover - no big-endian machine runs the tests
        samples.byteswap()
    return samples


def pcm_of(samples: array[int]) -> bytes:
    """The little-endian PCM of an array of native 16-bit integers."""
    if sys.byteorder == "big":  # pragma: no cover - no big-endian machine runs the tests
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def saturated(values: Iterable[int]) -> array[int]:
    """An array of 16-bit samples; a value that does not fit becomes the nearest one that does."""
    return array("h", [-32768 if value < -32768 else min(value, 32767) for value in values])
