"""How much the connections of a server may do in one turn of the loop; what is more waits, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from offhook_mockserver.server.limits import BYTES_PER_TURN, MAX_DISCARDED_BYTES, WAITING_PER_TURN

if TYPE_CHECKING:
    from collections.abc import Callable


class Turnstile:
    """Shares out the turns of the loop among the connections of a server.

    So a turn stays short however many clients flood the server, and a client that does not is served in between.

    Attributes:
        unread: bytes that may still be read in this turn. A connection may read `MIN_READ_BYTES` even if none are left.
        discarded: a buffer for what is discarded, shared by all connections.
    """

    def __init__(self) -> None:
        self.discarded: memoryview = memoryview(bytearray(MAX_DISCARDED_BYTES))
        self.unread: int = BYTES_PER_TURN
        self._waiting: deque[Callable[[], None]] = deque()

    def read(self, size: int) -> None:
        """Count bytes that were read."""
        if self.unread == BYTES_PER_TURN:
            asyncio.get_running_loop().call_soon(self._refill)
        self.unread = max(0, self.unread - size)

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` in a later turn, after the functions that wait already: at most `WAITING_PER_TURN` in a turn.

        Each connection may wait with one function that reads and one that answers.
        """
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.append(go_on)

    def _refill(self) -> None:
        self.unread = BYTES_PER_TURN

    def _turn(self) -> None:
        for _ in range(min(WAITING_PER_TURN, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
