"""The double-dial guard of one phone."""

from __future__ import annotations

import pytest

from offhook.call.admission import MemoryGuard, guard_key


def test_a_key_is_claimed_by_one_call_until_it_is_released() -> None:
    guard = MemoryGuard()
    assert guard.claim("a", "call_1", 100) is None
    assert guard.claim("a", "call_2", 101) == "call_1"
    assert guard.claim("b", "call_2", 101) is None
    guard.release("a", "call_1", 102, 0)
    assert guard.claim("a", "call_3", 102) is None


def test_it_is_held_for_a_while_after_the_call() -> None:
    guard = MemoryGuard()
    guard.claim("a", "call_1", 100)
    guard.release("a", "call_1", 110, 30)
    assert guard.claim("a", "call_2", 139.9) == "call_1"
    assert guard.claim("a", "call_2", 140) is None


@pytest.mark.fault("F17")
def test_a_clock_that_is_set_back_holds_nobody_for_longer() -> None:
    guard = MemoryGuard()
    guard.claim("a", "call_1", 1000)
    guard.release("a", "call_1", 1000, 30)
    assert guard.claim("a", "call_2", 400) is None


def test_only_the_holder_can_release_a_key() -> None:
    guard = MemoryGuard()
    guard.claim("a", "call_1", 100)
    guard.release("a", "call_2", 100, 0)
    assert guard.claim("a", "call_3", 100) == "call_1"
    guard.release("a", "call_1", 100, 30)
    guard.release("a", "call_2", 100, 0)
    assert guard.claim("a", "call_3", 100) == "call_1"
    guard.release("a", "call_1", 100, 0)
    assert guard.claim("a", "call_3", 100) is None


def test_what_is_remembered_is_bounded() -> None:
    guard = MemoryGuard()
    for index in range(10_002):
        guard.claim(f"key {index}", "call", 0)
        guard.release(f"key {index}", "call", 0, 1000)
    assert guard.claim("key 0", "other", 1) is None
    assert guard.claim("key 10001", "other", 1) == "call"


def test_the_key_depends_on_line_and_callee_and_tells_neither() -> None:
    keys = {guard_key(line, to) for line in ("a", "b") for to in ("+14155550123", "+14155550124")}
    assert len(keys) == 4
    assert all(len(key) == 32 and "4155550" not in key for key in keys)
