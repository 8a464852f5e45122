"""The timer expires when a count does not change, and not because the loop itself was blocked."""

from __future__ import annotations

import asyncio

import pytest

from offhook.media import Pacer
from offhook.testing import VirtualLoop, run_virtual
from offhook_wire.liveness import LivenessTimer


def test_it_expires_once_and_reports_the_next_arrival() -> None:
    async def main() -> None:
        count = 0
        calls: list[bool] = []
        timer = LivenessTimer(lambda: count, 0.1, calls.append)
        timer.start()
        for _ in range(20):
            count += 1
            await asyncio.sleep(0.01)
        assert calls == []
        await asyncio.sleep(0.3)
        assert calls == [True]
        assert timer.expired
        count += 1
        await asyncio.sleep(0.05)
        assert calls == [True, False]
        await asyncio.sleep(0.3)
        assert calls == [True, False, True]
        timer.stop()
        timer.stop()
        count += 1
        await asyncio.sleep(0.05)
        assert calls == [True, False, True]

    run_virtual(main())


@pytest.mark.parametrize("expired", [True, False])
def test_its_callback_may_stop_it(expired: bool) -> None:
    async def main() -> None:
        count = 0
        calls: list[bool] = []

        def on_change(now: bool) -> None:
            calls.append(now)
            if now is expired:
                timer.stop()

        timer = LivenessTimer(lambda: count, 0.05, on_change)
        timer.start()
        await asyncio.sleep(0.15)
        count = 1
        await asyncio.sleep(0.15)
        assert calls == ([True] if expired else [True, False])

    run_virtual(main())


def test_a_blocked_loop_counts_as_one_look() -> None:
    import time

    async def main() -> None:
        calls: list[bool] = []
        timer = LivenessTimer(lambda: 0, 0.2, calls.append)
        timer.start()
        time.sleep(0.5)  # noqa: ASYNC251 - that is the case
        await asyncio.sleep(0.01)
        assert calls == []
        timer.stop()

    asyncio.run(main())


class SharingLoop(VirtualLoop):
    """A virtual loop on which pacers share timers as on one of real time."""

    @property
    def call_again(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        raise AttributeError


def test_looking_together_with_others_it_does_not_expire_early() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        other = Pacer(loop, lambda index: None, ptime_ms=100)
        other.start()
        await asyncio.sleep(0.02)
        expired: list[float] = []
        timer = LivenessTimer(lambda: 0, 1.0, lambda now: expired.append(loop.time()))
        timer.start()
        await asyncio.sleep(2)
        timer.stop()
        other.stop()
        return expired

    with asyncio.Runner(loop_factory=SharingLoop) as runner:
        (at,) = runner.run(main())
    assert 1.1 - 1e-9 <= at <= 1.1 + 1e-9  # at 1.0 it would have waited for 0.98 s


@pytest.mark.parametrize("limit_s", [0.05, 2.5, 12.5, 100.0])
def test_it_expires_when_its_time_is_up(limit_s: float) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        expired: list[float] = []
        timer = LivenessTimer(lambda: 0, limit_s, lambda now: expired.append(loop.time()))
        timer.start()
        await asyncio.sleep(2 * limit_s)
        timer.stop()
        return expired

    (at,) = run_virtual(main())
    assert limit_s <= at + 1e-9 <= limit_s * 1.1
