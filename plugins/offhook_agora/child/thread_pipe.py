"""A `Link` among threads: the child's end of the socket. One thread reads; any thread writes, without waiting."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from offhook_agora.messages import Audio
    from offhook_agora.pipe import Link, PipeBroken
    from offhook_wire.message import Message

_READ_BYTES: Final = 64 * 1024

_In = TypeVar("_In")


class ThreadPipe(Generic[_In]):
    """Sends from any thread, also from inside a callback of the SDK; its lock is never held across a call of the SDK.

    Args:
        connection: one end of a socket pair; closed by `close`.
        link: this end's `Link`.
    """

    def __init__(self, connection: socket.socket, link: Link[_In]) -> None:
        self._socket = connection
        self._link = link
        self._lock = threading.Lock()
        #: The socket takes no more for now, and the reader waits until it does.
        self._full = False
        self._stopped = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        connection.setblocking(False)

    def send(self, message: Message | Audio) -> None:
        """Send it now, or when the socket takes more. Never waits."""
        with self._lock:
            self._link.send(message)
            self._write()
            broken = self._link.broken is not None
        if broken:
            self._notify()

    def taken(self, leg: int) -> None:
        """See `Link.taken`."""
        with self._lock:
            self._link.taken(leg)
            self._write()

    def forget(self, leg: int) -> None:
        """See `Link.forget`."""
        with self._lock:
            self._link.forget(leg)

    def lost(self, leg: int) -> int:
        """See `Link.lost`."""
        with self._lock:
            return self._link.lost(leg)

    def read(self, on_message: Callable[[_In | Audio], None]) -> PipeBroken | None:
        """Call `on_message` with everything that arrives; returns why the connection is over, or None after `stop`."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._socket, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._woken in ready:
                os.read(self._woken, 1024)
            received: list[_In | Audio] = []
            with self._lock:
                if self._full:
                    self._full = False
                    self._write()
                if self._socket.fileno() in ready:
                    received = self._receive()
                poll.modify(self._socket, select.POLLIN | (select.POLLOUT if self._full else 0))
                broken = self._link.broken
            for message in received:
                on_message(message)
                if self._stopped:
                    return None
            if broken is not None:
                return broken

    def stop(self) -> None:
        """Have `read` return after the message that it is passing on."""
        self._stopped = True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        os.close(self._woken)
        os.close(self._wake)

    def _receive(self) -> list[_In | Audio]:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:  # reset by a process that died with data unread
            data = b""
        if not data:
            self._link.end()
            return []
        return self._link.feed(data)

    def _write(self) -> None:
        out = self._link.out
        if self._full:
            return
        try:
            while out:
                del out[: self._socket.send(out)]
        except (BlockingIOError, InterruptedError):
            self._full = True
            self._notify()
        except OSError:  # the parent is gone; the reader finds out
            out.clear()

    def _notify(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is awake enough
            os.write(self._wake, b"!")
