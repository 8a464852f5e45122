"""What ``offhook mock`` does: run the server until a signal arrives, and print what people and programs need."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shlex
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces import iso_8601
from offhook.records import home
from offhook_mockserver.callees.numbers import DEFAULT_NUMBER, SPEECH, table
from offhook_mockserver.server.socket_server import MockServer, MockSettings

if TYPE_CHECKING:
    from offhook_mockserver.tenants.call import CallEvent


#: Lines that may wait to be printed.
MOST_LINES: Final = 1000
#: How long the last lines may take to be written at the end.
_LAST_LINES_S: Final = 0.5
#: The file name of the database in the printed settings; it is in the same folder as the database of real calls.
_DATABASE: Final = "mock.db"


async def serve(settings: MockSettings, *, as_json: bool) -> int:
    """Run a server until this is cancelled, then stop it; returns how many calls were still going on.

    Args:
        settings: the server's settings.
        as_json: print one JSON line for programs first, instead of text for people.

    Raises:
        ConfigError: the server cannot listen at the port.
        StorageError: the folder for recordings cannot be written.
    """
    printer = LinePrinter()

    def show(event: CallEvent) -> None:
        printer.print(f"{iso_8601(event.wall_s)} {event.channel} {event.number} {event.what}")

    async with MockServer(settings, on_event=show) as server:
        _print(_ready_line(server) if as_json else _welcome(server))
        printer.start()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:  # the signal
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        calls = server.calls.up
    # The server has stopped, so blocking the loop is harmless.
    printer.finish(_LAST_LINES_S)
    return calls


class LinePrinter:
    """Prints lines from a thread of its own: writing blocks when the process that started us has stopped reading.

    When more than `MOST_LINES` wait, the oldest is dropped. The number of losses is printed when writing goes on.

    `logging.handlers.QueueListener` does not fit: it writes through a handler's and a stream's lock, which the
    interpreter waits for at its exit, and its `stop` neither takes a timeout nor works while its queue is full.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._finished = False
        self._changed = threading.Condition()
        # A daemon, because a write that blocks for good must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="offhook-mock-printer", daemon=True)

    def start(self) -> None:
        """Begin to print, in the order of the calls to `print`."""
        self._thread.start()

    def print(self, line: str) -> None:
        """Queue a line. Never blocks."""
        with self._changed:
            if len(self._lines) == MOST_LINES:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
            self._changed.notify()

    def finish(self, timeout_s: float) -> None:
        """Wait until the queued lines are written, at most `timeout_s`."""
        with self._changed:
            self._finished = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        # To the descriptor: a thread that blocks in sys.stdout holds a lock that the interpreter needs at its exit.
        descriptor = sys.stdout.fileno()
        encoding = sys.stdout.encoding
        while (text := self._next()) is not None:
            if not _write(descriptor, text.encode(encoding, "replace")):
                return

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._finished)
            dropped, self._dropped = self._dropped, 0
            if not self._lines:
                return None
            missing = f"({dropped} lines were dropped here, because the output was not read)\n" if dropped else ""
            return f"{missing}{self._lines.popleft()}\n"


def _write(descriptor: int, data: bytes) -> bool:
    """Write all of `data`, without a time limit; returns False when the other end is closed."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # The process that started us shares the pipe and made it non-blocking.
            select.select((), (descriptor,), ())
        except OSError:
            return False
    return True


def _print(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The process that started us has closed the pipe; calls go on. At exit, Python flushes to the null device.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _ready_line(server: MockServer) -> str:
    return json.dumps(
        {
            "url": server.url,
            "port": server.port,
            "pid": os.getpid(),
            # Printing these keys is the point: they were made at the start and are valid for this mock alone.
            "api_key": server.tenant.api_key.reveal(),
            "api_secret": server.tenant.api_secret.reveal(),
            "from_number": server.from_number,
        }
    )


def _store() -> str:
    """The setting of the store, as a word of a shell. Without a home folder, no calls are kept."""
    try:
        text = f"sqlite:{home({}).absolute() / _DATABASE}"
    except ConfigError:
        return "none"
    if text.isprintable():
        return shlex.quote(text)
    # Bytes that are not UTF-8, and what a terminal must not see; the shells know this form (POSIX 2024, section 2.2.4).
    plain = [chr(byte) if 32 < byte < 127 and byte not in b"'\\" else f"\\{byte:03o}" for byte in os.fsencode(text)]
    return f"$'{''.join(plain)}'"


def _welcome(server: MockServer) -> str:
    return f"""offhook mock listens on {server.url} (this machine only)

  export SENDBLUE_API_BASE_URL={server.url}
  export SENDBLUE_API_API_KEY={server.tenant.api_key.reveal()}
  export SENDBLUE_API_API_SECRET={server.tenant.api_secret.reveal()}
  export OFFHOOK_FROM_NUMBER={server.from_number}
  export OFFHOOK_STORE={_store()}

OFFHOOK_STORE keeps these calls apart from your real ones; `unset OFFHOOK_STORE` when you are done.
Try it in another terminal, with these variables set:

  offhook call {DEFAULT_NUMBER} --say wav:{SPEECH / "greeting.wav"}

Numbers, and what happens when you call them:

{table()}

ctrl-C stops it. Calls:
"""
