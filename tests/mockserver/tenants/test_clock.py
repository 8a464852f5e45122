"""A tenant's clock: moved forward, set, and what follows it."""

from __future__ import annotations

import asyncio

import pytest
from tests.mockserver.tenants.scene import call, join, mock_with, on

from offhook import AnswerPolicy, CallPolicy
from offhook.errors import ConfigError
from offhook.interfaces import LeaveReason, SystemClock
from offhook.secret import Secret
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, Decline, NeverAnswer
from offhook_mockserver.rooms.timers import timers_of
from offhook_mockserver.server import EntryKind, InProcessMock, TenantClock, TenantSettings
from offhook_wire.access_token import TokenInvalid


def test_both_clocks_go_forward_together_and_the_wall_alone_when_it_is_set() -> None:
    async def main() -> None:
        clock = TenantClock(LoopClock(1000.0))
        assert (clock.monotonic_s(), clock.wall_s()) == (0.0, 1000.0)
        clock.advance(5)
        await asyncio.sleep(1)
        assert (clock.monotonic_s(), clock.wall_s(), clock.ahead_s) == (6.0, 1006.0, 5.0)
        clock.set_wall(10)
        assert (clock.monotonic_s(), clock.wall_s()) == (6.0, 10.0)
        clock.advance(2)
        assert (clock.monotonic_s(), clock.wall_s(), clock.wall_offset_s) == (8.0, 12.0, -996.0)

    run_virtual(main())


def test_without_a_clock_of_a_mock_it_is_that_of_the_machine() -> None:
    assert TenantClock().wall_s() == pytest.approx(SystemClock().wall_s(), abs=60)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "1", None])
def test_it_cannot_go_back_or_stand(seconds: float) -> None:
    with pytest.raises(ConfigError, match="seconds must be a positive"):
        TenantClock().advance(seconds)


@pytest.mark.parametrize("wall_s", [-1, 4_000_000_001, "now"])
def test_the_wall_clock_is_set_to_a_date_that_can_be_written(wall_s: float) -> None:
    with pytest.raises(ConfigError, match="wall_s must be"):
        TenantClock().set_wall(wall_s)


def test_it_goes_no_further_than_tokens_can_say() -> None:
    async def test(mock: InProcessMock) -> None:
        clock = mock.tenant.clock
        clock.set_wall(4_000_000_000)
        before = clock.ahead_s
        with pytest.raises(ConfigError, match="the wall clock must be between 0 and 4,000,000,000 seconds"):
            clock.advance(1)
        assert (clock.wall_s(), clock.ahead_s) == (4_000_000_000, before)
        started = call(mock)
        assert started.room.verify(mock.renew(started.channel).token, 0).expires_at_s == 4_000_003_600
        started.room.close()
        await asyncio.sleep(0.1)
        assert mock.tenant.export()["ended"]

    on(lambda: mock_with(settings=TenantSettings(call_log=True)), test)


def test_timers_follow_the_clock_in_the_order_of_their_times() -> None:
    async def main() -> None:
        clock, loop = TenantClock(LoopClock()), asyncio.get_running_loop()
        called: list[tuple[str, float]] = []

        def later(delay_s: float, name: str) -> object:
            return clock.call_later(delay_s, lambda: called.append((name, loop.time())))

        for delay_s, name in ((30, "c"), (10, "b"), (5, "a"), (60, "d")):
            later(delay_s, name)
        clock.call_later(20, lambda: called.append(("cancelled", 0.0))).cancel()
        await asyncio.sleep(6)
        assert called == [("a", 5.0)]
        clock.advance(25)
        await asyncio.sleep(0.001)
        assert called == [("a", 5.0), ("b", 6.0), ("c", 6.0)]
        await asyncio.sleep(100)
        assert called[3:] == [("d", 35.0)], "25 s earlier"

    run_virtual(main())


def test_a_timer_may_be_cancelled_twice_and_after_its_call() -> None:
    async def main() -> None:
        clock = TenantClock(LoopClock())
        timer = clock.call_later(1, lambda: None)
        await asyncio.sleep(2)
        timer.cancel()
        timer.cancel()
        clock.advance(10)

    run_virtual(main())


def test_a_timeout_follows_the_clock() -> None:
    async def main() -> None:
        clock, loop = TenantClock(LoopClock()), asyncio.get_running_loop()
        loop.call_later(1, clock.advance, 100)
        with pytest.raises(TimeoutError):
            async with clock.timeout(50):
                await asyncio.sleep(1000)
        assert loop.time() == 1
        async with clock.timeout(5):
            await asyncio.sleep(1)
        await asyncio.sleep(10)

    run_virtual(main())


def test_a_clock_that_no_test_moves_has_the_timers_of_the_loop() -> None:
    async def main() -> None:
        clock = TenantClock(LoopClock())
        assert timers_of(clock) is clock
        assert timers_of(LoopClock()) is asyncio.get_running_loop()

    run_virtual(main())


def test_a_move_is_in_the_journal() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.clock.advance(90)
        mock.tenant.clock.set_wall(0)
        entries = mock.tenant.journal.search(kind=EntryKind.CLOCK)
        assert [entry.text for entry in entries] == [
            "the test moved the clock forward by 90 s",
            "the test set the wall clock to 1970-01-01T00:00:00.000Z",
        ]
        assert entries[1].wall_s == 0

    on(mock_with, test)


# What follows it


@pytest.mark.fault("F16")
def test_a_token_expires_at_once_when_the_clock_is_moved_past_its_end() -> None:
    async def test(mock: InProcessMock) -> None:
        loop = asyncio.get_running_loop()
        async with mock.phone() as phone, phone.dial("+14155550106") as up:
            await up.answered()
            await asyncio.sleep(1)
            mock.tenant.clock.advance(3600)
            before_s = loop.time()
            await up.ended()
            assert loop.time() - before_s < 1
        removed = mock.tenant.journal.search(kind="member", where={"event": "removed", "who": "caller"})
        assert [entry.text.partition(": ")[2] for entry in removed] == ["token expired"]

    on(mock_with, test)


def test_a_caller_who_was_removed_because_of_its_token_has_not_dropped_out() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone() as phone, phone.dial("+14155550106") as up:
            await up.answered()
            mock.tenant.clock.advance(120)
            await up.ended()
        ended = await mock.tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=30)
        assert ended.text.endswith("has ended: the caller's token expired and was not renewed")
        assert mock.tenant.ended[-1].end is CalleeEnd.CALLER_DROPPED

    on(lambda: mock_with(settings=TenantSettings(token_life_s=120)), test)


def test_a_token_is_reported_as_expiring_when_the_clock_is_moved_near_its_end() -> None:
    async def test(mock: InProcessMock) -> None:
        policy = CallPolicy(answer=AnswerPolicy.FIRST_AUDIO)
        async with mock.phone(policy=policy) as phone, phone.dial("+14155550106") as up:
            await up.answered()
            mock.tenant.clock.advance(3580)
            await asyncio.sleep(0.1)
            assert [entry.event for entry in up.record.timeline if entry.event == "GrantExpiring"] == ["GrantExpiring"]

    on(mock_with, test)


def test_a_grant_that_was_issued_before_a_move_is_judged_by_the_moved_clock() -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        token = Secret(mock.renew(started.channel).token.reveal())
        started.room.verify(token, 0)
        mock.tenant.clock.advance(3601)
        with pytest.raises(TokenInvalid):
            started.room.verify(token, 0)

    on(lambda: mock_with(NeverAnswer(), settings=TenantSettings(join_window_s=9999, max_call_s=9999)), test)


async def ends(mock: InProcessMock, move_s: float, *, joined: bool) -> tuple[CalleeEnd | None, float]:
    """How a call ends, and how long after the clock was moved by `move_s`, 1 s after its start."""
    loop = asyncio.get_running_loop()
    started = call(mock)
    member = join(started) if joined else None
    await asyncio.sleep(1)
    if member is not None and started.callee.answered and move_s < 100:
        member.leave(LeaveReason.DROPPED)
    moved_s = loop.time()
    mock.tenant.clock.advance(move_s)
    while mock.tenant.calls:
        await asyncio.sleep(0.01)
    return mock.tenant.ended[-1].end, loop.time() - moved_s


@pytest.mark.parametrize(
    ("step", "joined", "move_s", "end"),
    [
        (Answer(), True, 3600, CalleeEnd.TIME_LIMIT),
        (NeverAnswer(), False, 60, CalleeEnd.CALLER_ABSENT),
        (Answer(), True, 5, CalleeEnd.CALLER_DROPPED),
        (Decline(), False, 60, CalleeEnd.DECLINED),
    ],
)
def test_time_limits_follow_the_clock(step: Answer, joined: bool, move_s: float, end: CalleeEnd) -> None:
    async def test(mock: InProcessMock) -> tuple[CalleeEnd | None, float]:
        return await ends(mock, move_s, joined=joined)

    found, took_s = on(lambda: mock_with(step), test)
    assert found is end
    assert took_s < 0.5
