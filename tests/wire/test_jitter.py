"""The jitter buffer under loss, reorder, duplicates, wraps and pauses: it never stalls, grows or runs backwards."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_wire.jitter import WINDOW, JitterBuffer
from offhook_wire.rtp import FRAME_TICKS

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 0.02


class FakeLoop:
    """A loop whose time the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay: float, callback: Callable[[], None], /) -> asyncio.TimerHandle:
        handle = _Handle(self.now_s + delay, callback)
        heapq.heappush(self._timers, (handle.when(), next(self._order), handle))
        return handle

    @property
    def waiting(self) -> int:
        return sum(not handle.cancelled() for _, _, handle in self._timers)

    def advance(self, to_s: float) -> None:
        while self._timers and self._timers[0][0] <= to_s:
            when_s, _, handle = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, when_s)
            if isinstance(handle, _Handle) and not handle.cancelled():
                handle.fire()
        self.now_s = to_s


class _Handle(asyncio.TimerHandle):
    def __init__(self, when_s: float, callback: Callable[[], None]) -> None:
        self._when_s, self._callback_, self._off = when_s, callback, False

    def when(self) -> float:
        return self._when_s

    def cancel(self) -> None:
        self._off = True

    def cancelled(self) -> bool:
        return self._off

    def fire(self) -> None:
        self._off = True
        self._callback_()

    def __lt__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return f"timer at {self._when_s}"


class Rig:
    """A buffer, its loop and what it delivered."""

    def __init__(self, *, start: int = 0, timestamp: int = 0, wait_ms: float = WAIT_S * 1000) -> None:
        self.loop = FakeLoop()
        self.start, self.timestamp = start, timestamp
        self.out: list[tuple[bytes | None, int]] = []
        self.buffer = JitterBuffer(
            lambda payload, position: self.out.append((payload, position)), self.loop, wait_ms=wait_ms
        )

    def add(self, index: int, *, ticks: int | None = None) -> None:
        at = index * FRAME_TICKS if ticks is None else ticks
        self.buffer.add((self.start + index) & 0xFFFF, (self.timestamp + at) & 0xFFFF_FFFF, str(index).encode())

    @property
    def frames(self) -> list[int | None]:
        return [None if payload is None else int(payload) for payload, _ in self.out]

    @property
    def positions(self) -> list[int]:
        return [position // FRAME_TICKS for _, position in self.out]


def test_a_perfect_stream_is_passed_on_at_once_and_without_a_timer() -> None:
    rig = Rig(start=65_530, timestamp=2**32 - 2000)
    for index in range(20):
        rig.add(index)
        assert rig.frames == list(range(index + 1))
    assert rig.positions == list(range(20))
    assert rig.loop.waiting == 0


def test_a_hole_is_waited_for_then_concealed_and_leaves_no_delay() -> None:
    rig = Rig()
    for index in (0, 1, 3, 4):
        rig.add(index)
    assert rig.frames == [0, 1]
    rig.loop.advance(WAIT_S * 0.9)
    assert rig.frames == [0, 1]
    rig.loop.advance(WAIT_S)
    assert rig.frames == [0, 1, None, 3, 4]
    assert rig.positions == [0, 1, 2, 3, 4]
    rig.add(5)
    assert rig.frames[-1] == 5, "at once again"
    assert (rig.buffer.concealed, rig.buffer.late, rig.buffer.held, rig.loop.waiting) == (1, 0, 0, 0)


def test_a_packet_in_time_fills_the_hole() -> None:
    rig = Rig()
    for index in (0, 2, 3, 1, 4):
        rig.add(index)
    assert rig.frames == [0, 1, 2, 3, 4]
    rig.loop.advance(1)
    assert (rig.buffer.concealed, rig.loop.waiting) == (0, 0)


@pytest.mark.fault("F21")
def test_late_and_duplicate_packets_are_counted_separately() -> None:
    rig = Rig()
    for index in (0, 1, 3):
        rig.add(index)
    rig.add(3)
    assert rig.buffer.duplicates == 1
    rig.loop.advance(1)
    rig.add(2)
    assert (rig.buffer.late, rig.buffer.duplicates) == (1, 1)
    rig.add(1)
    assert (rig.buffer.late, rig.buffer.duplicates) == (1, 2)
    assert rig.frames == [0, 1, None, 3]


def test_each_hole_is_waited_for_from_its_own_first_later_packet() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(2)
    rig.loop.advance(WAIT_S / 2)
    rig.add(4)
    rig.loop.advance(WAIT_S)
    assert rig.frames == [0, None, 2]
    rig.loop.advance(WAIT_S * 1.5)
    assert rig.frames == [0, None, 2, None, 4]


def test_holes_that_opened_together_end_together() -> None:
    rig = Rig()
    for index in (0, 2, 4, 6, 8):
        rig.add(index)
    rig.loop.advance(WAIT_S)
    assert rig.frames == [0, None, 2, None, 4, None, 6, None, 8], "not one wait a hole"


def test_a_pause_is_not_a_hole() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(1, ticks=100 * FRAME_TICKS)
    assert rig.frames == [0, 1]
    assert rig.positions == [0, 100]
    assert rig.buffer.concealed == 0


def test_a_loss_beside_a_pause_conceals_only_the_lost_frame() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(2, ticks=100 * FRAME_TICKS)
    rig.loop.advance(1)
    assert rig.frames == [0, None, 2]
    assert rig.positions == [0, 1, 100]


def test_concealment_never_passes_the_packet_behind_the_hole() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(5, ticks=2 * FRAME_TICKS)
    rig.loop.advance(1)
    assert rig.frames == [0, None, 5]
    assert rig.positions == [0, 1, 2]


def test_an_outage_starts_over_with_the_time_that_passed() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(200)
    assert rig.frames == [0], "one packet from far away may be a stray"
    rig.add(201)
    assert rig.frames == [0, 200, 201]
    assert rig.positions == [0, 200, 201]
    assert (rig.buffer.resets, rig.buffer.concealed) == (1, 0)


def test_a_stray_packet_disturbs_nothing() -> None:
    rig = Rig()
    for index in (0, 1, 30_000, 2, 30_001, 3):
        rig.add(index)
    assert rig.frames == [0, 1, 2, 3]
    assert rig.buffer.resets == 0


def test_a_new_numbering_continues_where_the_last_ended() -> None:
    rig = Rig()
    rig.add(0)
    rig.start, rig.timestamp = 40_000, 3_000_000_000
    rig.add(0)
    rig.add(1)
    assert rig.frames == [0, 0, 1]
    assert rig.positions == [0, 1, 2]


def test_a_timestamp_that_runs_backwards_does_not_take_the_position_back() -> None:
    rig = Rig()
    rig.add(0)
    rig.add(1, ticks=-50 * FRAME_TICKS)
    rig.add(2, ticks=-49 * FRAME_TICKS)
    assert rig.positions == [0, 1, 2]


def test_flush_delivers_held_packets_and_close_drops_them() -> None:
    rig = Rig()
    for index in (0, 2, 4):
        rig.add(index)
    rig.buffer.flush()
    assert rig.frames == [0, None, 2, None, 4]
    rig.add(7)
    rig.buffer.close()
    rig.loop.advance(9)
    assert rig.frames == [0, None, 2, None, 4]
    assert (rig.buffer.held, rig.loop.waiting) == (0, 0)


@given(
    start=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 2**32 - 1),
    wait_ms=st.sampled_from([0.0, 5.0, 20.0]),
    fates=st.lists(
        st.tuples(st.sampled_from(["lost", "once", "once", "once", "twice"]), st.integers(0, 120)),
        min_size=1,
        max_size=150,
    ),
)
def test_any_network_ends_in_every_frame_once_and_nothing_held(
    start: int, timestamp: int, wait_ms: float, fates: list[tuple[str, int]]
) -> None:
    rig = Rig(start=start, timestamp=timestamp, wait_ms=wait_ms)
    arrivals: list[tuple[float, int]] = [(0.0, 0)]
    for index, (fate, delay_ms) in enumerate(fates, 1):
        copies = {"lost": 0, "once": 1, "twice": 2}[fate]
        arrivals += [(index * 0.02 + delay_ms * (1 + copy) / 1000, index) for copy in range(copies)]
    last_s = 0.0
    for at_s, index in sorted(arrivals):
        rig.loop.advance(at_s)
        rig.add(index)
        last_s = at_s
        assert rig.buffer.held < WINDOW
        assert rig.loop.waiting <= 1
        assert bool(rig.buffer.held) == bool(rig.loop.waiting), "it waits exactly while a hole is open"
    rig.loop.advance(last_s + wait_ms / 1000 + 1e-6)
    assert (rig.buffer.held, rig.loop.waiting) == (0, 0), "never stalls"
    played = [frame for frame in rig.frames if frame is not None]
    assert played == sorted(set(played)), "in order, and each once"
    assert rig.positions == sorted(set(rig.positions)), "time goes on"
    assert rig.frames.count(None) == rig.buffer.concealed
    if rig.buffer.resets == 0:
        assert len(rig.out) == max(played) + 1, "one frame for each packet sent, up to the last that arrived"
        for position, frame in zip(rig.positions, rig.frames, strict=True):
            assert frame in (None, position)


@pytest.mark.parametrize("count", [100_000])
def test_long_streams_wrap_and_stay_exact(count: int) -> None:
    rig = Rig(start=65_000, timestamp=2**32 - 5000)
    for index in range(count):
        if index % 1000 != 500:
            rig.add(index)
        rig.loop.advance(index * 0.02)
    rig.loop.advance(count)
    assert len(rig.out) == count
    assert rig.out[-1][1] == (count - 1) * FRAME_TICKS
    assert rig.buffer.concealed == count // 1000
