"""What the pacers of a loop send in one of its turns, sent at the end of that turn.

Frames that are due together are all encoded first, and then all sent. The other side is woken up once for several
packets, and finds them all when it reads; and each part of the work finds its code and its data in the caches of the
processor. Outside of such a turn, and where one pacer ticks alone, everything is sent at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: How many are sent together, at most: the first one waits until the last one is encoded.
_MOST: Final = 8


class SendBatch:
    """The batch of one loop; see `of_loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop  # kept, so that no other loop gets its id while this is known by it
        self._waiting: list[tuple[Callable[[bytes], None], bytes]] = []
        self._open = False

    @classmethod
    def of_loop(cls, loop: asyncio.AbstractEventLoop) -> SendBatch:
        """The batch of `loop`, the same for all who have it at a time."""
        batch = _of_loops.get(id(loop))
        if batch is None:
            batch = _of_loops[id(loop)] = cls(loop)
        return batch

    def send(self, send: Callable[[bytes], None], data: bytes) -> None:
        """Call `send` with `data`: now, or at the end of this turn if several pacers tick in it. It must not raise."""
        if not self._open:
            send(data)
            return
        self._waiting.append((send, data))
        if len(self._waiting) == _MOST:
            self._send_all()

    def open(self) -> None:
        """Several pacers will tick now."""
        self._open = True

    def close(self) -> None:
        """They have: send what waits."""
        self._open = False
        self._send_all()

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send, data in waiting:
            send(data)


#: The batch of each loop, by the loop's id. An entry goes with the last one who uses it.
_of_loops: Final[WeakValueDictionary[int, SendBatch]] = WeakValueDictionary()
