"""A talker's timeline: it follows the talker as far as time allows, and no further."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook_wire.pace import MOST_AHEAD_S, Pace

RATE_HZ = 16_000
FRAME = 320
AHEAD = int(MOST_AHEAD_S * RATE_HZ)


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s


def test_a_talker_in_real_time_keeps_its_positions() -> None:
    clock = Clock()
    pace = Pace(RATE_HZ, clock.time)
    for index in (*range(100, 200), *range(500, 600)):  # a pause of 6 s
        clock.now_s = 100.0 + (index - 100) * 0.02
        assert pace.place(index * FRAME, FRAME) == index * FRAME


def test_a_talker_faster_than_real_time_gets_what_time_allows() -> None:
    clock = Clock()
    pace = Pace(RATE_HZ, clock.time)
    placed = [pace.place(index * FRAME, FRAME) for index in range(10_000)]
    assert placed.count(None) == 10_000 - (AHEAD // FRAME + 1)
    clock.now_s += 1.0
    placed = [pace.place(index * FRAME, FRAME) for index in range(10_000, 20_000)]
    assert [at for at in placed if at is not None] == [AHEAD + FRAME * index for index in range(1, 51)]


def test_a_leap_ahead_continues_at_the_present_moment() -> None:
    clock = Clock()
    pace = Pace(RATE_HZ, clock.time)
    assert pace.place(0, FRAME) == 0
    clock.now_s += 2.0
    assert pace.place(2**40, FRAME) == 2 * RATE_HZ
    assert pace.place(2**40 + FRAME, FRAME) == 2 * RATE_HZ + FRAME


def test_a_step_far_back_continues_at_the_present_moment_and_an_overlap_where_the_talker_was() -> None:
    clock = Clock()
    pace = Pace(RATE_HZ, clock.time)
    assert pace.place(10 * RATE_HZ, FRAME) == 10 * RATE_HZ
    clock.now_s += 3.0
    assert pace.place(0, FRAME) == 13 * RATE_HZ
    assert pace.place(FRAME, FRAME) == 13 * RATE_HZ + FRAME
    assert pace.place(2 * FRAME - 5, FRAME) == 13 * RATE_HZ + 2 * FRAME
    assert pace.place(3 * FRAME, FRAME) == 13 * RATE_HZ + 3 * FRAME, "an overlap is made up for"


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-(2**20), 2**20), st.integers(-(2**64), 2**64)),
            st.integers(1, 2000),
            st.sampled_from([0.0, 0.0, 0.02, 1.0]),
        ),
        max_size=200,
    )
)
def test_no_positions_take_it_back_or_far_ahead(frames: list[tuple[int, int, float]]) -> None:
    clock = Clock()
    pace = Pace(RATE_HZ, clock.time)
    first = expected = None
    for position, duration, pause_s in frames:
        clock.now_s += pause_s
        placed = pace.place(position, duration)
        if placed is None:
            continue
        if first is None:
            first, expected = placed, placed
        assert expected is not None
        assert placed >= expected
        assert placed <= first + int((clock.now_s - 100.0) * RATE_HZ) + AHEAD + 1
        expected = placed + duration
