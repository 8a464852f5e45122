"""A bounded stream, through which a program reads events and audio."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from offhook.arguments import check_function, check_whole
from offhook.interfaces.loops import LoopAffinity

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


_T = TypeVar("_T")


class BoundedStream(Generic[_T]):
    """An async iterator over the newest `capacity` items. It ends when it is closed and empty.

    Its methods raise `CallStateError` when they are called from another thread or event loop than the stream's own.
    When you are done, give up your reference to the stream; the producer holds only a weak one.

    Args:
        capacity: how many items may wait; at most this many are kept.
        on_drop: called once for each item that is thrown away.

    Raises:
        ConfigError: an argument is of the wrong type, or `capacity` is less than 1.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_affinity",
        "_capacity",
        "_closed",
        "_items",
        "_on_drop",
        "_waiters",
        "dropped",
    )

    def __init__(self, capacity: int, on_drop: Callable[[], None] = lambda: None) -> None:
        self._affinity = LoopAffinity("this stream")
        check_function(on_drop, "on_drop")
        self._items: deque[_T] = deque()
        self._capacity = check_whole(capacity, "capacity", least=1, unit="items")
        self._on_drop = on_drop
        #: The readers that wait. An `asyncio.Event` does the same, at twice the cost for each frame of a call.
        self._waiters: list[asyncio.Future[None]] = []
        self._closed = False
        #: How many items were thrown away because they were not read in time.
        self.dropped: int = 0

    def put(self, item: _T) -> None:
        """Add an item; if the stream is full, the oldest one is thrown away."""
        self._affinity.check()
        self._add(item)

    def _add(self, item: _T) -> None:
        if self._closed:
            return
        if len(self._items) == self._capacity:
            self._throw_away()
        self._items.append(item)
        if self._waiters:
            self._wake()

    def discard(self) -> int:
        """Throw away all items that wait, and return how many they were."""
        self._affinity.check()
        count = len(self._items)
        for _ in range(count):
            self._throw_away()
        return count

    def _throw_away(self) -> None:
        self._items.popleft()
        self.dropped += 1
        self._on_drop()

    def close(self) -> None:
        """End the stream; items that wait can still be read. Idempotent."""
        self._affinity.check()
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        """Wake every reader that waits. Those that find nothing wait again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def __aiter__(self) -> BoundedStream[_T]:
        self._affinity.check()
        return self

    async def __anext__(self) -> _T:
        self._affinity.check()
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            loop = self._affinity.loop
            assert loop is not None  # the one that runs
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:  # the wait was cancelled
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                raise
        return self._items.popleft()
