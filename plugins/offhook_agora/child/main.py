"""The child process: an `Engine` behind a socket. `boot` starts it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import traceback
from typing import TYPE_CHECKING, Final

from offhook_agora.child.engine import Engine
from offhook_agora.child.service import process_service
from offhook_agora.child.thread_pipe import ThreadPipe
from offhook_agora.messages import Audio, Counts, Start, Stop
from offhook_agora.pipe import child_link

if TYPE_CHECKING:
    import socket

    from offhook_agora.messages import FromChild, ToChild

#: A thread that is ready waits for the interpreter no longer than this while another computes. A frame crosses three
#: threads; with the usual 5 ms it could be late by most of its length.
_SWITCH_S: Final = 0.0005
#: How long leaving all channels may take when the parent asks for it, and when the parent is gone.
_STOP_S: Final = 2.5
_ORPHAN_S: Final = 1.0


class Child:
    """Serves one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._pipe = ThreadPipe(connection, child_link())
        self._engine: Engine | None = None
        self._stopping = False

    def run(self) -> int:
        """Serve until the connection is over; returns the exit status."""
        broken = self._pipe.read(self._on_message, self._on_time)
        if broken is not None and broken.why != "closed":
            with contextlib.suppress(OSError):
                sys.stderr.write(f"offhook: {broken}\n")
                sys.stderr.flush()
        if self._engine is not None:
            self._engine.stop(_STOP_S if self._stopping else _ORPHAN_S)
            process_service.release()
        return 0

    def _on_message(self, message: ToChild | Audio) -> None:
        if isinstance(message, Start) and self._engine is None:
            pipe = self._pipe
            self._engine = Engine(message, os.getpid(), self._emit, taken=pipe.taken, forget=pipe.forget, direct=True)
            self._pipe.taken(0)
        elif self._engine is not None:
            if isinstance(message, Stop):
                self._stopping = True
                self._pipe.stop()
            self._engine.handle(message)

    def _on_time(self) -> float | None:
        return None if self._engine is None else self._engine.due()

    def _emit(self, message: FromChild | Audio) -> None:
        if isinstance(message, Counts):
            message = dataclasses.replace(message, frames_lost=self._pipe.lost(message.leg))
        self._pipe.send(message)


def run(connection: socket.socket) -> int:
    """Serve the connection and end the process, whatever threads of the SDK still run."""
    sys.setswitchinterval(_SWITCH_S)
    status = 1
    try:
        status = Child(connection).run()
    except BaseException:
        with contextlib.suppress(OSError):  # a pipe that is full: nothing may keep the process from ending
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(status)
