"""The part of the kit for stores about dial guards, which keep two calls from ringing the same number at once."""

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


#: The wall time at the start of a clause.
_NOW_S: Final = 1_795_000_000.0
_HOLD_S: Final = 30.0
_AT_ONCE: Final = 10


class StoreGuard(StoreMaking):
    """See `StoreConformance`."""

    @contextlib.contextmanager
    def _guard(self) -> Generator[DialGuard]:
        with self.opened() as store:
            if not isinstance(store, DialGuard):
                raise NotClaimed(f"{type(store).__name__} is not a DialGuard")
            yield store

    @clause("store-17", "claim() gives a key to one call and returns the holder to others", capability="guard")
    async def test_a_key_is_taken(self) -> None:
        key, other = _key(), _key()
        with self._guard() as guard:
            assert await guard.claim(key, "call_a", _NOW_S) is None, "a free key could not be claimed"
            holder = await guard.claim(key, "call_b", _NOW_S)
            assert holder == "call_a", f"call_a holds the key, but claim() returned {holder!r} for call_b"
            assert await guard.claim(other, "call_b", _NOW_S) is None, "another key could not be claimed"

    @clause("store-18", "a key is taken for every store at the same place", capability="guard")
    async def test_a_key_is_taken_for_all(self) -> None:
        key = _key()
        with self._guard() as one, self._guard() as two:
            assert await one.claim(key, "call_a", _NOW_S) is None, "a free key could not be claimed"
            holder = await two.claim(key, "call_b", _NOW_S)
            assert holder == "call_a", f"call_a holds the key in another store, but claim() returned {holder!r}"

    @clause("store-19", "a key released without a hold is free at once", capability="guard")
    async def test_a_key_is_released(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, 0.0)
            assert await guard.claim(key, "call_b", _NOW_S) is None, "the key was released, but is not free"

    @clause("store-20", "a key released with a hold stays taken for that time and no longer", capability="guard")
    async def test_a_key_is_held(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            holder = await guard.claim(key, "call_b", _NOW_S + _HOLD_S - 1)
            assert holder == "call_a", "the key was free before the end of its hold"
            assert await guard.claim(key, "call_b", _NOW_S + _HOLD_S + 1) is None, (
                "the key is taken after the end of its hold"
            )

    @clause("store-21", "setting the clock back does not prolong a hold", capability="guard")
    async def test_a_clock_that_is_set_back(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            assert await guard.claim(key, "call_b", _NOW_S - 3_600) is None, (
                "the clock was set back, and the key is still taken"
            )

    @clause("store-22", "a call that released a key with a hold can end the hold early", capability="guard")
    async def test_a_hold_is_given_up(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_a", _NOW_S, _HOLD_S)
            await guard.release(key, "call_a", _NOW_S + 1, 0.0)
            holder = await guard.claim(key, "call_b", _NOW_S + 1)
            assert holder is None, "the hold was released, but the key is not free"

    @clause("store-23", "a call that does not hold a key cannot release it", capability="guard")
    async def test_strangers_release_nothing(self) -> None:
        key = _key()
        with self._guard() as guard:
            await guard.claim(key, "call_a", _NOW_S)
            await guard.release(key, "call_b", _NOW_S, 0.0)
            assert await guard.claim(key, "call_c", _NOW_S) == "call_a", "a call released a key that it did not hold"

    @clause("store-24", "the key of a process that died stays taken for if_killed_s and no longer", capability="guard")
    async def test_the_dead_hold_their_keys(self) -> None:
        key = _key()

        with self._guard():  # raises NotClaimed if the store is not a DialGuard
            pass
        if not self.claims("survives"):
            raise NotClaimed(f"survives is not claimed: {self.not_claimed['survives']}")
        self.used_by_one_that_dies(lambda store: _claim(store, key))
        with self._guard() as guard:
            holder = await guard.claim(key, "call_b", _NOW_S + 1)
            assert holder == "call_a", "the process died, and its key was free at once"
            assert await guard.claim(key, "call_b", _NOW_S + _HOLD_S + 1) is None, (
                "the process died, and its key is still taken after if_killed_s"
            )

    @clause("store-25", "of several calls that claim a key at once, one gets it", capability="guard")
    async def test_claims_at_once(self) -> None:
        key = _key()
        with self._guard() as guard:
            claims = [guard.claim(key, f"call_{index}", _NOW_S) for index in range(_AT_ONCE)]
            got = (await asyncio.gather(*claims)).count(None)
            assert got == 1, f"of {_AT_ONCE} calls that claimed a key at once, {got} got it"


def _key() -> str:
    """Return a new key."""
    return Ids().hex(32)


def _claim(store: Store, key: str) -> None:  # pragma: no cover - in a child
    assert isinstance(store, DialGuard)
    asyncio.run(store.claim(key, "call_a", _NOW_S, _HOLD_S))
