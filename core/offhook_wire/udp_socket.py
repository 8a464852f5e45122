"""A UDP socket on an event loop, without asyncio's transport, which costs more per datagram than the system does."""

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
#: What a receive buffer is asked to hold; the system may give less.
_BUFFER_BYTES: Final = 4 * 1024 * 1024
#: What the Linux kernel counts for a small datagram in a receive buffer.
_DATAGRAM_COST_BYTES: Final = 832


class UdpSocket:
    """A bound socket on the running loop.

    Args:
        address: where to bind it, to a free port.
        readable: called in each turn of the loop in which there is something to read. Must not raise.

    Raises:
        OSError: it cannot be bound.
        NotImplementedError: the loop does not watch sockets, as that of Windows.

    Attributes:
        address: its host and port.
        errors: what the system reported of earlier datagrams when the socket was read.
    """

    def __init__(self, address: str, readable: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.bind((address, 0))
            self._loop.add_reader(self._socket, readable)
        except BaseException:
            self._socket.close()
            raise
        host, port = self._socket.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self.errors: int = 0
        self._closed = False
        self._unsent: deque[tuple[bytes, tuple[str, int], MediaCounts]] = deque()
        self._unsent_bytes = 0

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
        """Send a datagram; what the system does not take now waits, up to a bound. Does nothing after `close`.

        Never raises.

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
                counts.packets_unsent += not self._closed
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
        for _, _, counts in self._unsent:
            counts.packets_unsent += 1
        self._unsent.clear()
        self._socket.close()

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
