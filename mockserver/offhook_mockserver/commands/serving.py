"""What ``offhook mock`` does: runs the server until a signal comes, and prints what people and programs need."""

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

from offhook.interfaces import iso_8601
from offhook.records import home
from offhook_mockserver.callees.numbers import DEFAULT_NUMBER, SPEECH, table
from offhook_mockserver.server.socket_server import MockServer, MockSettings

if TYPE_CHECKING:
    from offhook_mockserver.tenants.call import CallEvent


#: Lines that may wait to be printed.
MOST_LINES: Final = 1000
#: How long the last lines have to get out at the end.
_LAST_LINES_S: Final = 0.5
#: Where the printed settings have calls written down: beside the database of real ones.
_DATABASE: Final = "mock.db"


async def serve(settings: MockSettings, *, as_json: bool) -> int:
    """Run a server until it is cancelled, and stop it then; gives how many calls that has ended.

    Args:
        settings: of the server.
        as_json: begin with one JSON line for programs, instead of text for people.

    Raises:
        ConfigError, StorageError: it cannot listen there, or record there.
    """
    printer = LinePrinter()

    def show(event: CallEvent) -> None:
        printer.print(f"{iso_8601(event.wall_s)} {event.channel} {event.number} {event.what}")

    async with MockServer(settings, on_event=show) as server:
        _print(_ready_line(server) if as_json else _welcome(server))
        printer.start()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:  # this is how it ends
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        calls = server.calls.up
    # Nothing runs on the loop any more, so it may be held up.
    printer.finish(_LAST_LINES_S)
    return calls


class LinePrinter:
    """Prints lines from a thread of its own: whoever started us may have stopped reading, and then writing blocks.

    The oldest of too many waiting lines is dropped; how many were is printed once writing goes on.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._finished = False
        self._changed = threading.Condition()
        # A daemon, because a write that blocks for good must not keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="offhook-mock-printer", daemon=True)

    def start(self) -> None:
        """Begin to print, in the order of the calls to `print`."""
        self._thread.start()

    def print(self, line: str) -> None:
        """Have a line printed, some time. Never blocks."""
        with self._changed:
            if len(self._lines) == MOST_LINES:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
            self._changed.notify()

    def finish(self, timeout_s: float) -> None:
        """Wait for the lines that are left, but not longer than `timeout_s`."""
        with self._changed:
            self._finished = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        # To the descriptor: a thread that hangs in sys.stdout holds a lock without which the interpreter cannot end.
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
            missing = f"({dropped} lines were dropped here, because nobody read them)\n" if dropped else ""
            return f"{missing}{self._lines.popleft()}\n"


def _write(descriptor: int, data: bytes) -> bool:
    """Write all of it, however long that takes; False when nobody can read it any more."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            # Whoever started us shares the pipe and made it non-blocking.
            select.select((), (descriptor,), ())
        except OSError:
            return False
    return True


def _print(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever started us has stopped reading; calls go on. What could not be written goes nowhere at the exit.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _ready_line(server: MockServer) -> str:
    return json.dumps(
        {
            "url": server.url,
            "port": server.port,
            "pid": os.getpid(),
            # Keys of this mock alone, made when it started; printing them is the point.
            "api_key": server.tenant.api_key.reveal(),
            "api_secret": server.tenant.api_secret.reveal(),
            "from_number": server.from_number,
        }
    )


def _welcome(server: MockServer) -> str:
    return f"""offhook mock listens on {server.url} (this machine only)

  export SENDBLUE_API_BASE_URL={server.url}
  export SENDBLUE_API_API_KEY={server.tenant.api_key.reveal()}
  export SENDBLUE_API_API_SECRET={server.tenant.api_secret.reveal()}
  export OFFHOOK_FROM_NUMBER={server.from_number}
  export OFFHOOK_STORE={shlex.quote(f"sqlite:{home(os.environ).absolute() / _DATABASE}")}

the last one keeps these calls out of your real ones; `unset OFFHOOK_STORE` when you are done.
try it, in another terminal, with these set:

  offhook call {DEFAULT_NUMBER} --say wav:{SPEECH / "greeting.wav"}

numbers, and what happens when you call them:

{table()}

ctrl-C stops it. Calls:
"""
