"""Louder, softer, added: gains and sums are exact, and clipped once."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ConfigError
from offhook.interfaces.frame import samples_of
from offhook.media.mixing import LEAST_DB, MOST_DB, Gain, gain_of, mixed

SAMPLES = st.integers(-32768, 32767)


def pcm(*values: int) -> bytes:
    return array("h", values).tobytes()


@given(st.floats(LEAST_DB, MOST_DB), st.lists(SAMPLES, max_size=50))
def test_every_sample_is_within_a_rounding_of_the_exact_product(db: float, values: list[int]) -> None:
    scaled = samples_of(Gain(db).apply(pcm(*values)))
    for value, got in zip(values, scaled, strict=True):
        exact = max(-32768, min(32767, value * 10 ** (db / 20)))
        assert abs(got - exact) <= 0.51


def test_a_gain_clips_to_full_scale() -> None:
    louder = gain_of(6)
    assert louder is not None
    assert samples_of(louder.apply(pcm(100, 20000, -20000))).tolist() == [200, 32767, -32768]
    assert louder.apply(b"") == b""


def test_0_db_is_none() -> None:
    assert gain_of(0) is gain_of(0.0) is gain_of(-0.0) is None


@pytest.mark.parametrize("db", [-60.1, 20.1])
def test_a_gain_out_of_range_is_rejected(db: float) -> None:
    with pytest.raises(ConfigError, match=f"gain_db must be between -60 and 20, got {db}. To send silence, mute"):
        gain_of(db)


@pytest.mark.parametrize("db", [float("nan"), float("inf"), float("-inf"), "6", None, True])
def test_a_gain_is_a_number(db: float) -> None:
    with pytest.raises(ConfigError, match="gain_db must be a number between -60 and 20, got ") as caught:
        gain_of(db)
    assert repr(db) in str(caught.value)


def test_the_limits_are_gains() -> None:
    for db in (LEAST_DB, MOST_DB):
        gain = gain_of(db)
        assert gain is not None
        assert gain.db == db


def test_one_sound_alone_is_not_changed() -> None:
    sound = pcm(1, -2)
    assert mixed([sound])[0] is sound


@given(st.integers(2, 5).flatmap(lambda count: st.lists(st.tuples(*[SAMPLES] * count), max_size=8)))
def test_the_sum_is_exact_and_clipped_after_the_last_addition(moments: list[tuple[int, ...]]) -> None:
    count = len(moments[0]) if moments else 2
    sounds = [pcm(*(moment[index] for moment in moments)) for index in range(count)]
    assert samples_of(mixed(sounds)[0]).tolist() == [max(-32768, min(32767, sum(moment))) for moment in moments]


def test_loud_sounds_that_cancel_out_are_not_clipped_on_the_way() -> None:
    assert mixed([pcm(30000), pcm(30000), pcm(-30000)]) == (pcm(30000), 0)
