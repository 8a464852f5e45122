"""Samples of every type and shape that a program may hold, by hand and by numpy, and what cannot be played."""

from __future__ import annotations

import ctypes
import math
import mmap
import struct
import warnings
from array import array
from typing import TYPE_CHECKING

import numpy as np
import pytest

from offhook.errors import SourceError
from offhook.interfaces.frame import samples_of
from offhook.interfaces.samples import FLOAT32, FLOAT64, INT16, UNDAMAGED, Damage, Samples, samples_in

if TYPE_CHECKING:
    import numpy.typing as npt

INTS = [0, 1, -1, 16384, -16384, 32767, -32768]
FLOATS = [value / 32768 for value in INTS]


def heard(given: object) -> list[int]:
    found = samples_in(given)
    assert isinstance(found, Samples)
    pcm, damage = found.mono()
    assert damage == UNDAMAGED
    assert len(pcm) == 2 * len(found)
    return samples_of(pcm).tolist()


@pytest.mark.parametrize(
    "given",
    [
        array("h", INTS),
        array("f", FLOATS),
        array("d", FLOATS),
        memoryview(array("h", INTS)),
        memoryview(array("h", [value for value in INTS for _ in range(2)]))[::2],
        (ctypes.c_short * len(INTS))(*INTS),
        np.array(INTS, np.int16),
        np.array(INTS, ">i2"),
        np.array(INTS, "<i2"),
        np.array(FLOATS, np.float32),
        np.array(FLOATS, np.float64),
        np.array(FLOATS, ">f4"),
        np.array(FLOATS, np.float16),
        np.array(INTS, np.int16).reshape(-1, 1),
        np.repeat(np.array(INTS, np.int16), 3)[::3],
        np.array([[value, value] for value in INTS], np.int16),
        np.array([[value] * 8 for value in FLOATS], np.float32),
        np.array([[value, value] for value in FLOATS], np.float64)[:, ::-1],
        memoryview(np.array([[value, value] for value in INTS], np.int16)),  # type: ignore[arg-type]
        memoryview(np.array([[value, value] for value in FLOATS], np.float32)),  # type: ignore[arg-type]
    ],
    ids=lambda given: f"{type(given).__name__}-{getattr(given, 'dtype', getattr(given, 'shape', ''))}",
)
def test_the_samples_of_every_array_are_found(given: object) -> None:
    assert heard(given) == INTS


class Tensor:
    """As those of torch: no buffer, but an array of numpy can be made of it."""

    def __init__(self, values: npt.NDArray[np.float32] | None) -> None:
        self._values = values

    def __array__(self) -> npt.NDArray[np.float32]:
        if self._values is None:
            raise TypeError("can't convert a tensor of a GPU: use .cpu()")
        return self._values


def test_what_can_be_made_an_array_is_one() -> None:
    assert heard(Tensor(np.array(FLOATS, np.float32))) == INTS
    with pytest.raises(SourceError, match=r"Tensor cannot be read as samples: TypeError: can't convert .* \.cpu\(\)"):
        samples_in(Tensor(None))


def test_bytes_are_left_to_their_reader() -> None:
    for given in (
        b"\1\2",
        bytearray(b"\1\2"),
        memoryview(b"\1\2"),
        array("B", [1, 2]),
        np.frombuffer(b"\1\2", np.uint8),
    ):
        found = samples_in(given)
        assert isinstance(found, memoryview)
        assert found.tobytes() == b"\1\2"
    assert samples_in([1.0]) is samples_in("text") is samples_in(object()) is None
    assert Samples.of_pcm(struct.pack("<2h", 1, -2)).mono() == (b"\x01\x00\xfe\xff", UNDAMAGED)


def test_memory_is_copied() -> None:
    given = array("h", [1, 2])
    found = samples_in(given)
    given[0] = 7
    given.append(9)  # which would fail while a view of it exists
    assert isinstance(found, Samples)
    assert samples_of(found.mono()[0]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros(4, np.int32), "got ndarray of int32. Convert them to int16"),
        (np.zeros(4, np.uint16), "got ndarray of uint16"),
        (np.zeros(4, np.int64), "got ndarray of int64"),
        (np.zeros(4, np.bool_), "got ndarray of bool"),
        (np.zeros(4, np.complex64), "got ndarray of the format 'Zf'"),
        (np.zeros(4, object), "got ndarray of objects"),
        (np.zeros(4, np.longdouble), "got ndarray of long double"),
        (array("i", [1]), "got array of int32"),
        (np.zeros(4, "datetime64[s]"), "ndarray cannot be read as samples: ValueError"),
        (np.zeros((2, 480), np.float32), r"got ndarray of the shape \(2, 480\): its channels come first, so transpose"),
        (np.zeros((1, 480), np.int16), r"the shape \(1, 480\): its channels come first"),
        (np.zeros((480, 9), np.int16), r"the shape \(480, 9\): pass one channel, or mix it down to at most 8"),
        (np.zeros((4, 0), np.int16), r"the shape \(4, 0\)"),
        (np.zeros((4, 2, 2), np.int16), r"the shape \(4, 2, 2\)"),
        (np.float32(0.5), r"the shape \(\)"),
        (np.zeros((4, 2), np.uint8), r"bytes of samples must have one dimension, got ndarray of the shape \(4, 2\)"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(given: object, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        samples_in(given)


def test_a_closed_file_map_is_refused() -> None:
    closed = mmap.mmap(-1, 16)
    closed.close()
    with pytest.raises(SourceError, match="mmap cannot be read as samples: ValueError"):
        samples_in(closed)


LOUD = [0.25, math.nan, math.inf, -math.inf, 3.0, -3.0, 1.0, -1.0, 1e38]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("by_numpy", [False, True])
def test_clipping_and_nan_are_counted(kind: type[np.floating], by_numpy: bool) -> None:
    given = np.array(LOUD, kind)
    found = samples_in(given if by_numpy else array("f" if kind is np.float32 else "d", LOUD))
    assert isinstance(found, Samples)
    assert found.by_numpy is by_numpy
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pcm, damage = found.mono()
    assert samples_of(pcm).tolist() == [8192, 0, 32767, -32768, 32767, -32768, 32767, -32768, 32767]
    assert damage == Damage(clipped=3, sanitised=3)


def test_huge_values_survive_the_mean() -> None:
    for by_numpy in (False, True):
        pcm, damage = Samples(array("d", [1e308, 1e308, 0.5, 0.25]).tobytes(), FLOAT64, 2, by_numpy).mono()
        assert samples_of(pcm).tolist() == [32767, 12288]
        assert damage == Damage(clipped=1)


def test_both_ways_agree_to_one_step() -> None:
    random = np.random.default_rng(1)
    for channels in (1, 2, 5):
        for code, data in (
            (FLOAT32, random.normal(0, 0.7, 4000 * channels).astype(np.float32)),
            (FLOAT64, random.normal(0, 0.7, 4000 * channels)),
            (INT16, random.integers(-32768, 32768, 4000 * channels).astype(np.int16)),
        ):
            by_hand, by_numpy = (Samples(data.tobytes(), code, channels, way).mono() for way in (False, True))
            difference = np.frombuffer(by_hand[0], "<i2").astype(int) - np.frombuffer(by_numpy[0], "<i2")
            assert np.abs(difference).max() <= (1 if channels == 5 else 0)
            assert by_hand[1].clipped == pytest.approx(by_numpy[1].clipped, abs=2)
            assert (code == INT16) == (by_hand[1].clipped == 0)


@pytest.mark.parametrize("by_numpy", [False, True])
@pytest.mark.parametrize("code", [INT16, FLOAT32, FLOAT64])
def test_channels_that_cancel_out_are_counted(code: str, by_numpy: bool) -> None:
    sine = [0.5 * math.sin(index / 5) for index in range(800)]
    scale = 32767 if code == INT16 else 1

    def damage(other: float, count: int = 800, level: float = 1.0) -> Damage:
        moments = (level * channel for value in sine[:count] for channel in (value, value * other))
        values = (round(value * scale) for value in moments) if code == INT16 else moments
        return Samples(array(code, values).tobytes(), code, 2, by_numpy).mono()[1]

    assert damage(-1) == damage(-0.95) == Damage(cancelled=800)
    assert damage(-0.5) == damage(1) == damage(0) == UNDAMAGED
    assert damage(-1, level=0.001) == UNDAMAGED, "nobody would hear it"
    assert damage(-1, count=10) == UNDAMAGED, "too few to say"
    assert Samples(b"", code, 2, by_numpy).mono() == (b"", UNDAMAGED)


def test_damage_adds_up() -> None:
    assert Damage(1, 2, 3, 4) + Damage(10, 20, 30, 40) == Damage(11, 22, 33, 44)
    assert not UNDAMAGED
    assert all(map(bool, (Damage(1), Damage(0, 1), Damage(0, 0, 1), Damage(0, 0, 0, 1))))


def test_parts_of_samples() -> None:
    stereo = Samples(array("h", range(12)).tobytes(), INT16, 2)
    assert len(stereo) == 6
    assert array("h", stereo.part(2, 2).data).tolist() == [4, 5, 6, 7]
    assert len(stereo.part(5, 9)) == 1
