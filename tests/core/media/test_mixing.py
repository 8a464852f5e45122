"""Mixing: the sum of the samples, clipped once."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from offhook.interfaces.frame import samples_of
from offhook.media.mixing import mixed

SAMPLES = st.integers(-32768, 32767)


def pcm(*values: int) -> bytes:
    return array("h", values).tobytes()


def test_one_sound_is_left_as_it_is() -> None:
    sound = pcm(1, -2)
    assert mixed([sound]) is sound


@given(st.integers(2, 5).flatmap(lambda count: st.lists(st.tuples(*[SAMPLES] * count), max_size=8)))
def test_the_sum_is_exact_and_clipped_after_the_last_addition(moments: list[tuple[int, ...]]) -> None:
    count = len(moments[0]) if moments else 2
    sounds = [pcm(*(moment[index] for moment in moments)) for index in range(count)]
    assert samples_of(mixed(sounds)).tolist() == [max(-32768, min(32767, sum(moment))) for moment in moments]


def test_loud_sounds_that_cancel_out_are_not_clipped_on_the_way() -> None:
    assert mixed([pcm(30000), pcm(30000), pcm(-30000)]) == pcm(30000)
