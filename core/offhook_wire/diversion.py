"""What one source sends too much of is taken out of a UDP socket that many share, by the system itself.

A second socket at the same address, connected to that source, gets its datagrams. They have a receive buffer of their
own; what does not fit is dropped there, and the shared socket's buffer stays free for the others.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Final

from offhook_wire.udp_socket import MAX_DATAGRAM_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

#: Datagrams that are read in one turn of the loop.
MOST_A_TURN: Final = 4
#: After such a turn the source is left alone for this long, in seconds: it still has 40 times the packets of a talker,
#: and not all of the processor.
PAUSE_S: Final = 0.002


class Diversion:
    """The datagrams of one source.

    Args:
        shared: the socket from which they are taken.
        source: the source.
        take: called with each datagram and its source. Must not raise.

    Raises:
        OSError: the system does not allow it.
        NotImplementedError: this is not Linux, where alone it is known to work.
    """

    def __init__(
        self, shared: socket.socket, source: tuple[str, int], take: Callable[[bytes, tuple[str, int]], None]
    ) -> None:
        if sys.platform != "linux":
            raise NotImplementedError
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._take = take
        self._closed = False
        self._pause: asyncio.TimerHandle | None = None
        self._socket = socket.socket(shared.family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Only for a moment: with this option, the system may also give the port to a program that asks for any.
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                self._socket.bind(shared.getsockname())
                self._socket.connect(source)
            finally:
                shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            self._loop.add_reader(self._socket, self._readable)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Have the source's datagrams arrive at the shared socket again. Idempotent."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._socket)
            if self._pause is not None:
                self._pause.cancel()
            self._socket.close()

    def _readable(self) -> None:
        for _ in range(MOST_A_TURN):
            if self._closed:
                return
            try:
                data = self._socket.recv(MAX_DATAGRAM_BYTES + 1)
            except OSError:  # nothing is there, or it reports an earlier one
                return
            self._take(data, self._source)
        if not self._closed:
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._readable)
