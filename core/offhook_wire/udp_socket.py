"""A UDP socket that reads many datagrams in one wake-up of the event loop.

asyncio's own transport reads one datagram for each turn of the loop and socket. A wake-up costs more than the
datagram, so this reads what is there, up to a bound. Where datagrams arrive so often that each would still wake the
loop by itself, they are collected: the socket is read once a millisecond, until there are fewer again.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.media_counts import MediaCounts

#: The largest datagram that is read in full; a longer one arrives with one byte more than this.
MAX_DATAGRAM_BYTES: Final = 1500
#: Bytes that may wait in a socket which the system does not empty.
MAX_UNSENT_BYTES: Final = 256 * 1024
#: How often a busy socket is read, in seconds.
COLLECT_S: Final = 0.001
#: What a receive buffer is asked to hold; the system may give less.
_BUFFER_BYTES: Final = 4 * 1024 * 1024
#: What the Linux kernel counts for a small datagram in a receive buffer.
_DATAGRAM_COST_BYTES: Final = 832
#: Over this time wake-ups and datagrams are counted, in seconds.
_WINDOW_S: Final = 0.1
#: With more wake-ups than this in a window, datagrams are collected.
_MANY: Final = 120
#: With fewer datagrams than this in a window, they no longer are.
_FEW: Final = 80


class UdpSocket:
    """A bound socket on the running loop.

    Args:
        address: where to bind it, to a free port.
        turn: called at each wake-up. Reads with `read`, and returns how many datagrams it read, and whether more is to
            do at once; then it is called again after other callbacks had their turn. Must not raise.

    Raises:
        OSError: it cannot be bound.
        NotImplementedError: the loop does not watch sockets, as that of Windows.

    Attributes:
        address: its host and port.
        wakeups: how often `turn` was called.
        errors: what the system reported of earlier datagrams when the socket was read.
    """

    def __init__(self, address: str, turn: Callable[[], tuple[int, bool]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn = turn
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.bind((address, 0))
            self._loop.add_reader(self._socket, self._readable)
        except BaseException:
            self._socket.close()
            raise
        host, port = self._socket.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self.wakeups: int = 0
        self.errors: int = 0
        self._closed = False
        self._next: asyncio.Handle | None = None
        self._collecting = False
        self._window_ends_s = 0.0
        self._counted = 0
        self._unsent: deque[tuple[bytes, tuple[str, int], MediaCounts]] = deque()
        self._unsent_bytes = 0

    @property
    def collecting(self) -> bool:
        """Whether it is read once a millisecond, instead of at each datagram."""
        return self._collecting

    @property
    def raw(self) -> socket.socket:
        """The system's socket."""
        return self._socket

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def holds(self) -> int:
        """How many small datagrams the system keeps for it while the loop is busy."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // _DATAGRAM_COST_BYTES

    def read(self) -> tuple[bytes, tuple[str, int]] | None:
        """The next datagram and where it is from; None if there is none, or after `close`. Never raises."""
        try:
            data, address = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            # Some systems report here that nobody is at the address of a datagram that was sent.
            self.errors += not self._closed
            return None
        return data, address if len(address) == 2 else address[:2]

    def send(self, data: bytes, address: tuple[str, int], counts: MediaCounts) -> None:
        """Send a datagram; what the system does not take now waits, up to a bound. Never raises.

        Args:
            data: the datagram.
            address: its destination.
            counts: counts it as unsent if it is dropped, or the system refuses it.
        """
        if not self._unsent:
            try:
                self._socket.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._socket, self._writable)
            except OSError:
                counts.packets_unsent += 1
                return
            else:
                return
        if self._unsent_bytes + len(data) > MAX_UNSENT_BYTES:
            counts.packets_unsent += 1
            return
        self._unsent.append((data, address, counts))
        self._unsent_bytes += len(data)

    def close(self) -> None:
        """Close it; what waits is dropped and counted. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        if self._next is not None:
            self._next.cancel()
        for _, _, counts in self._unsent:
            counts.packets_unsent += 1
        self._unsent.clear()
        self._socket.close()

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

    def _writable(self) -> None:
        while self._unsent:
            data, address, counts = self._unsent[0]
            try:
                self._socket.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                counts.packets_unsent += 1
            self._unsent.popleft()
            self._unsent_bytes -= len(data)
        self._loop.remove_writer(self._socket)
