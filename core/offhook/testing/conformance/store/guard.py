"""The part of the kit for stores that is about dial guards: who is being called, for all who share the store."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from offhook.interfaces import DialGuard
from offhook.interfaces.ids import Ids
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.store.making import StoreMaking

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook.interfaces import Store


#: A wall time to begin at.
_NOW_S: Final = 1_795_000_000.0
_HOLD_S: Final = 30.0


class StoreGuard(StoreMaking):
    """See `StoreConformance`."""

    @contextlib.contextmanager
    def _guard(self) -> Generator[DialGuard]:
        with self.opened() as store:
            if not isinstance(store, DialGuard):
                raise NotClaimed(f"{type(store).__name__} is no DialGuard")
            yield store

    @clause("store-17", "a key is taken by one call, and another is told who has it", capability="guard")
    async def test_a_key_is_taken(self) -> None:
        key, other = _key(), _key()
        with self._guard() as guard:
            assert await guard.claim(key, "call_a", _NOW_S) is None, "a free key was not given"
            holder = await guard.claim(key, "call_b", _NOW_S)
            assert holder == "call_a", f"call_a has the key, and call_b was told {holder!r}"
            assert await guard.claim(other, "call_b", _NOW_S) is None, "another key was not given"

    @clause("store-18", "so it is between two stores on one place", capability="guard")
    async def test_a_key_is_taken_for_all(self) -> None:
        key = _key()
        with self._guard() as one, self._guard() as two:
            assert await one.claim(key, "call_a", _NOW_S) is None, "a free key was not given"
            holder = await two.claim(key, "call_b", _NOW_S)
            assert holder == "call_a", f"call_a has the key in another store, and call_b was told {holder!r}"

    @clause("store-19", "released without a hold, a key is free at once", capability="guard")
    async def test_a_key_is_released(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, 0.0)
            assert await guard.claim(key, "call_b", _NOW_S) is None, "it was released and is not free"

    @clause("store-20", "released with a hold, it is taken for so long and no longer", capability="guard")
    async def test_a_key_is_held(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            holder = await guard.claim(key, "call_b", _NOW_S + _HOLD_S - 1)
            assert holder == "call_a", "it was free before its time"
            assert await guard.claim(key, "call_b", _NOW_S + _HOLD_S + 1) is None, "it is held after its time"

    @clause("store-21", "a clock that is set back holds nobody for longer", capability="guard")
    async def test_a_clock_that_is_set_back(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            assert await guard.claim(key, "call_b", _NOW_S - 3_600) is None, "the clock was set back, and it is held"

    @clause("store-22", "what is held after a call can be given up by it", capability="guard")
    async def test_a_hold_is_given_up(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            await guard.release(key, "call_a", _NOW_S + 1, 0.0)
            assert await guard.claim(key, "call_b", _NOW_S + 1) is None, "it was given up and is not free"

    @clause("store-23", "a call that does not have a key cannot release it", capability="guard")
    async def test_strangers_release_nothing(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_b", _NOW_S, 0.0)
            assert await guard.claim(key, "call_c", _NOW_S) == "call_a", "a stranger released it"

    @clause("store-24", "a process that dies leaves its key taken as long as it said", capability="guard")
    async def test_the_dead_hold_their_keys(self) -> None:
        key = _key()

        with self._guard():  # to see whether it is one
            pass
        if not self.claims("survives"):
            raise NotClaimed(f"survives is not claimed: {self.not_claimed['survives']}")
        self.used_by_one_that_dies(lambda store: _claim(store, key))
        with self._guard() as guard:
            assert await guard.claim(key, "call_b", _NOW_S + 1) == "call_a", "its process died, and it was free at once"
            assert await guard.claim(key, "call_b", _NOW_S + _HOLD_S + 1) is None, (
                "its process died, and it is never free"
            )


def _key() -> str:
    """A key that nobody has met before."""
    return Ids().hex(32)


def _claim(store: Store, key: str) -> None:  # pragma: no cover - in a child
    assert isinstance(store, DialGuard)
    asyncio.run(store.claim(key, "call_a", _NOW_S, _HOLD_S))
