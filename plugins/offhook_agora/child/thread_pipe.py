"""A `Link` among threads: the child's end of the socket. One thread reads; any thread writes, without waiting."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
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
        # The time limit is each object's own, and whether a call waits is decided by a flag of it.
        self._writing = connection.dup()
        self._writing.setblocking(False)
        self._link = link
        self._lock = threading.Lock()
        #: The socket takes no more for now, and the writer waits until it does.
        self._full = False
        self._was_full = threading.Condition(self._lock)
        self._stopped = False
        self._writer = threading.Thread(target=self._write_later, name="offhook agora writer", daemon=True)
        self._writer.start()

    def send(self, message: Message | Audio) -> None:
        """Send it now, or when the socket takes more. Never waits."""
        with self._lock:
            self._link.send(message)
            self._write()

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

    def read(
        self,
        on_message: Callable[[_In | Audio], None],
        on_time: Callable[[], float | None] = lambda: None,
    ) -> PipeBroken | None:
        """Call `on_message` with everything that arrives; returns why the connection is over, or None after `stop`.

        Args:
            on_message: see above.
            on_time: called between messages; returns after how many seconds at the latest to call it again.
        """
        timeout_s: float | None = None
        self._socket.settimeout(timeout_s)
        while True:
            if (due_s := on_time()) != timeout_s:  # it costs a call of the system
                timeout_s = due_s
                self._socket.settimeout(timeout_s)
            try:
                data = self._socket.recv(_READ_BYTES)
            except (TimeoutError, BlockingIOError):
                continue
            except OSError:  # reset by a process that died with data unread
                data = b""
            with self._lock:
                received = self._link.feed(data)
                if not data:
                    self._link.end()
                self._write()
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
        with self._lock:
            self._stopped = True
            self._was_full.notify_all()
        self._writer.join()
        self._writing.close()
        self._socket.close()

    def _write(self) -> None:
        link = self._link
        if link.broken is not None:  # the reader may be waiting
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)
        if self._full or not link.out:
            return
        try:
            while link.out:
                del link.out[: self._writing.send(link.out, socket.MSG_DONTWAIT)]
        except BlockingIOError:
            self._full = True
            self._was_full.notify_all()
        except OSError:  # the parent is gone; the reader finds out
            link.out.clear()

    def _write_later(self) -> None:
        poll = select.poll()
        poll.register(self._writing, select.POLLOUT)
        while True:
            with self._lock:
                self._was_full.wait_for(lambda: self._full or self._stopped)
                if self._stopped:
                    return
            poll.poll(100)  # rather than for ever: `close` may be called
            with self._lock:
                self._full = False
                self._write()
