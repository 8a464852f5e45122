"""Gain: exact, clipped, bounded; 0 dB is nothing at all."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConfigError
from offhook.interfaces.frame import samples_of
from offhook.media.mixing import LEAST_DB, MOST_DB, Gain, gain_of

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=50)


@given(st.floats(LEAST_DB, MOST_DB), SAMPLES)
def test_every_sample_is_within_a_rounding_of_the_exact_product(db: float, values: list[int]) -> None:
    given_back = samples_of(Gain(db).apply(array("h", values).tobytes()))
    for value, got in zip(values, given_back, strict=True):
        exact = max(-32768, min(32767, value * 10 ** (db / 20)))
        assert abs(got - exact) <= 0.51


def test_what_does_not_fit_is_clipped() -> None:
    louder = gain_of(6)
    assert louder is not None
    assert samples_of(louder.apply(array("h", [100, 20000, -20000]).tobytes())).tolist() == [200, 32767, -32768]
    assert louder.apply(b"") == b""


def test_no_gain_is_nothing() -> None:
    assert gain_of(0) is gain_of(0.0) is gain_of(-0.0) is None


@pytest.mark.parametrize("db", [-60.1, 20.1, float("nan"), float("inf"), float("-inf"), "6", None, 1j])
def test_other_gains_are_refused(db: float) -> None:
    with pytest.raises(ConfigError, match="dB is no good: give a number of -60 to 20 dB"):
        gain_of(db)


def test_the_bounds_are_gains() -> None:
    for db in (LEAST_DB, MOST_DB):
        gain = gain_of(db)
        assert gain is not None
        assert gain.db == db
