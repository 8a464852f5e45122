"""A UDP socket that reads many datagrams in one wake-up of the event loop.

A wake-up costs more than a datagram, so this reads what is there, up to a bound. Where datagrams arrive so often that
each would still wake the loop by itself, they are collected: the socket is read once a millisecond, until there are
fewer again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_wire.udp_socket import UdpSocket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: How often a busy socket is read, in seconds.
COLLECT_S: Final = 0.001
#: Over this time wake-ups and datagrams are counted, in seconds.
_WINDOW_S: Final = 0.1
#: With more wake-ups than this in a window, datagrams are collected.
_MANY: Final = 120
#: With fewer datagrams than this in a window, they no longer are.
_FEW: Final = 80


class CollectingSocket(UdpSocket):
    """A bound socket on the running loop.

    Args:
        address: where to bind it, to a free port.
        turn: called at each wake-up. Reads with `read`, and returns how many datagrams it read, and whether more is to
            do at once; then it is called again after other callbacks had their turn. Must not raise.

    Raises:
        OSError: it cannot be bound.
        NotImplementedError: the loop does not watch sockets, as that of Windows.

    Attributes:
        wakeups: how often `turn` was called.
    """

    def __init__(self, address: str, turn: Callable[[], tuple[int, bool]]) -> None:
        super().__init__(address, self._readable)
        self._turn = turn
        self.wakeups: int = 0
        self._next: asyncio.Handle | None = None
        self._collecting = False
        self._window_ends_s = 0.0
        self._counted = 0

    @property
    def collecting(self) -> bool:
        """Whether it is read once a millisecond, instead of at each datagram."""
        return self._collecting

    def close(self) -> None:
        """See `UdpSocket.close`."""
        super().close()
        if self._next is not None:
            self._next.cancel()

    def _readable(self) -> None:
        if self._next is None:  # else it is called soon, as something is left to do
            self._wake()

    def _wake(self) -> None:
        self._next = None
        self.wakeups += 1
        count, more = self._turn()
        if self._closed:
            return
        now_s = self._loop.time()
        self._counted += count if self._collecting else 1
        if now_s >= self._window_ends_s:
            self._look_how_busy(now_s)
        if more:
            self._next = self._loop.call_soon(self._wake)
        elif self._collecting:
            self._next = self._loop.call_at(now_s + COLLECT_S, self._wake)

    def _look_how_busy(self, now_s: float) -> None:
        # A window that is over for long says nothing: the socket was idle.
        current = now_s < self._window_ends_s + _WINDOW_S
        if self._collecting:
            if self._counted < _FEW:
                self._collecting = False
                self._loop.add_reader(self._socket, self._readable)
        elif current and self._counted > _MANY:
            self._collecting = True
            self._loop.remove_reader(self._socket)
        self._window_ends_s, self._counted = now_s + _WINDOW_S, 0
