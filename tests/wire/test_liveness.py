"""A count that stands still, seen from a loop whose timers the test runs."""

from __future__ import annotations

import asyncio

import pytest

from offhook_wire.liveness import LivenessTimer


def test_silence_is_told_once_and_so_is_its_end() -> None:
    async def main() -> None:
        count = 0
        told: list[bool] = []
        silence = LivenessTimer(lambda: count, 0.1, told.append)
        silence.start()
        for _ in range(20):
            count += 1
            await asyncio.sleep(0.01)
        assert told == []
        await asyncio.sleep(0.3)
        assert told == [True]
        assert silence.silent
        count += 1
        await asyncio.sleep(0.05)
        assert told == [True, False]
        await asyncio.sleep(0.3)
        assert told == [True, False, True]
        silence.stop()
        silence.stop()
        count += 1
        await asyncio.sleep(0.05)
        assert told == [True, False, True]

    asyncio.run(main())


@pytest.mark.parametrize("silent", [True, False])
def test_it_may_be_stopped_by_whom_it_tells(silent: bool) -> None:
    async def main() -> None:
        count = 0
        told: list[bool] = []

        def tell(now: bool) -> None:
            told.append(now)
            if now is silent:
                silence.stop()

        silence = LivenessTimer(lambda: count, 0.05, tell)
        silence.start()
        await asyncio.sleep(0.15)
        count = 1
        await asyncio.sleep(0.15)
        assert told == ([True] if silent else [True, False])

    asyncio.run(main())


def test_a_loop_that_stood_still_itself_has_looked_once() -> None:
    import time

    async def main() -> None:
        told: list[bool] = []
        silence = LivenessTimer(lambda: 0, 0.2, told.append)
        silence.start()
        time.sleep(0.5)  # noqa: ASYNC251 - that is the case
        await asyncio.sleep(0.01)
        assert told == []
        silence.stop()

    asyncio.run(main())
