"""A `Link` on an event loop: the parent's end of the socket."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from offhook_agora.messages import Audio
from offhook_agora.pipe import Link, PipeBroken

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from offhook_wire.message import Message

_READ_BYTES: Final = 256 * 1024

_In = TypeVar("_In")


class AsyncPipe(Generic[_In]):
    """Sends and receives on the running loop, without waiting. Made on the loop that it is used on.

    What is received counts as taken when `on_message` has returned. Neither function is called after `close` or after
    `on_end`.

    Args:
        connection: one end of a socket pair; closed by `close`.
        link: this end's `Link`.
        on_message: called with each control message and each `Audio`. Never raises.
        on_end: called once when the connection is over for another reason than `close`.
    """

    def __init__(
        self,
        connection: socket.socket,
        link: Link[_In],
        on_message: Callable[[_In | Audio], None],
        on_end: Callable[[PipeBroken], None],
    ) -> None:
        self._socket = connection
        self._link = link
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._closed = False
        #: The socket takes no more for now.
        self._full = False
        connection.setblocking(False)
        self._loop.add_reader(connection.fileno(), self._read)

    def send(self, message: Message | Audio) -> None:
        """Send it now, or when the socket takes more. Never waits, and drops it once the connection is over.

        Raises:
            PipeBroken: this process was forked from the one that made the pipe.
        """
        if os.getpid() != self._pid:
            raise PipeBroken("fork", "a call belongs to the process that placed it, not to a process forked from it")
        if self._closed:
            return
        self._link.send(message)
        if not self._full:
            self._write()
        if self._link.broken is not None:  # the other side does not read: reported later, not inside this call
            self._loop.call_soon(self._check)

    def forget(self, leg: int) -> None:
        """The leg is over, see `Link.forget`."""
        self._link.forget(leg)

    def lost(self, leg: int) -> int:
        """How many frames of the leg were dropped for want of credit."""
        return self._link.lost(leg)

    def close(self) -> None:
        """Close the socket. Idempotent. In a forked process it leaves the loop alone, which is the parent's as well."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() == self._pid:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # reset by a process that died with data unread
            data = b""
        if not data:
            self._end(self._link.end())
            return
        for message in self._link.feed(data):
            self._on_message(message)
            if self._closed:
                return
            self._link.taken(message.leg if isinstance(message, Audio) else 0)
        if not self._full:
            self._write()
        self._check()

    def _write(self) -> None:
        out = self._link.out
        try:
            while out:
                del out[: self._socket.send(out)]
        except (BlockingIOError, InterruptedError):
            if not self._full:
                self._full = True
                self._loop.add_writer(self._socket.fileno(), self._writable)
        except OSError:  # the other process is gone; what it sent before is read first, then the end
            out.clear()

    def _writable(self) -> None:
        self._full = False
        self._loop.remove_writer(self._socket.fileno())
        self._write()

    def _check(self) -> None:
        if self._link.broken is not None:
            self._end(self._link.broken)

    def _end(self, reason: PipeBroken) -> None:
        if not self._closed:
            self.close()
            self._on_end(reason)
