"""A token's life, by clocks that the test moves."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

import pytest
from tests.mockserver.doors.webrtc.test_door import MovableClock

from offhook_mockserver.rooms.token_life import TokenLife
from offhook_wire.access_token import AccessToken


def token(ends_s: int) -> AccessToken:
    """A token that expires `ends_s` after the test's clock has started."""
    return AccessToken("a" * 32, "room", "", 1_000_000, ends_s, 1, MappingProxyType({1: 0}), b"", b"")


class Watched:
    def __init__(self, ends_s: int) -> None:
        self.clock = MovableClock()
        self.reported: list[object] = []
        self.watch = TokenLife(self.clock, self.reported.append, lambda: self.reported.append("expired"))
        self.watch.verified(token(ends_s))
        self.watch.start()

    def at(self, pass_s: float) -> list[object]:
        """What is reported when `pass_s` have passed."""
        self.clock.pass_s = pass_s
        self.watch.start()
        reported, self.reported[:] = list(self.reported), []
        return reported


def with_watch(ends_s: int, steps: list[tuple[float, list[object]]], wall_s: float = 0) -> None:
    async def main() -> None:
        watched = Watched(ends_s)
        watched.clock.step_s = wall_s
        for pass_s, reported in steps:
            assert watched.at(pass_s) == reported, pass_s
        watched.watch.stop()
        watched.watch.stop()

    asyncio.run(main())


@pytest.mark.fault("F17")
@pytest.mark.parametrize("wall_s", [0, 600, -600, -1_000_000])
def test_it_reports_30_s_before_and_at_the_end_whatever_the_wall_clock_shows(wall_s: float) -> None:
    with_watch(600, [(569, []), (570, [30]), (571, []), (599, []), (600, ["expired"])], wall_s)


def test_a_short_life_is_reported_at_its_half() -> None:
    with_watch(10, [(4.9, []), (5, [5]), (9.9, []), (10, ["expired"])])


def test_a_loop_that_was_blocked_during_the_warning_gets_only_the_end() -> None:
    with_watch(10, [(50, ["expired"])])


def test_a_fresh_token_counts_from_when_it_was_verified() -> None:
    async def main() -> None:
        watched = Watched(100)
        assert watched.at(80) == [20]
        watched.watch.verified(token(200))
        assert watched.at(100) == []
        assert watched.at(170) == [30]
        assert watched.at(200) == ["expired"]
        watched.watch.stop()

    asyncio.run(main())
