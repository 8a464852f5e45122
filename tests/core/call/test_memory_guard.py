"""The double-dial guard of one phone."""

from __future__ import annotations

import asyncio

import pytest

from offhook.call.admission import MemoryGuard, guard_key


def test_a_key_is_claimed_by_one_call_until_it_is_released() -> None:
    async def main() -> None:
        guard = MemoryGuard()
        assert await guard.claim("a", "call_1", 100) is None
        assert await guard.claim("a", "call_2", 101) == "call_1"
        assert await guard.claim("b", "call_2", 101) is None
        await guard.release("a", "call_1", 102, 0)
        assert await guard.claim("a", "call_3", 102) is None

    asyncio.run(main())


def test_it_is_held_for_a_while_after_the_call() -> None:
    async def main() -> None:
        guard = MemoryGuard()
        await guard.claim("a", "call_1", 100)
        await guard.release("a", "call_1", 110, 30)
        assert await guard.claim("a", "call_2", 139.9) == "call_1"
        assert await guard.claim("a", "call_2", 140) is None

    asyncio.run(main())


@pytest.mark.fault("F17")
def test_a_clock_that_is_set_back_makes_no_hold_longer() -> None:
    async def main() -> None:
        guard = MemoryGuard()
        await guard.claim("a", "call_1", 1000)
        await guard.release("a", "call_1", 1000, 30)
        assert await guard.claim("a", "call_2", 400) is None

    asyncio.run(main())


def test_only_the_holder_can_release_a_key() -> None:
    async def main() -> None:
        guard = MemoryGuard()
        await guard.claim("a", "call_1", 100)
        await guard.release("a", "call_2", 100, 0)
        assert await guard.claim("a", "call_3", 100) == "call_1"
        await guard.release("a", "call_1", 100, 30)
        await guard.release("a", "call_2", 100, 0)
        assert await guard.claim("a", "call_3", 100) == "call_1"
        await guard.release("a", "call_1", 100, 0)
        assert await guard.claim("a", "call_3", 100) is None

    asyncio.run(main())


def test_what_is_remembered_is_bounded() -> None:
    async def main() -> None:
        guard = MemoryGuard()
        for index in range(10_002):
            await guard.claim(f"key {index}", "call", 0)
            await guard.release(f"key {index}", "call", 0, 1000)
        assert await guard.claim("key 0", "other", 1) is None
        assert await guard.claim("key 10001", "other", 1) == "call"

    asyncio.run(main())


def test_the_key_depends_on_line_and_callee_and_tells_neither() -> None:
    keys = {guard_key(line, to) for line in ("a", "b") for to in ("+14155550123", "+14155550124")}
    assert len(keys) == 4
    assert all(len(key) == 32 and "4155550" not in key for key in keys)
