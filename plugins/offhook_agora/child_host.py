"""A host in a child process: started, watched and ended here. Whatever happens to the child, this process lives on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import TransportUnavailable
from offhook.interfaces import Environment
from offhook.wording import describe
from offhook_agora.async_pipe import AsyncPipe
from offhook_agora.child import boot
from offhook_agora.host import HUNG_S, SILENT_S, START_S, Host
from offhook_agora.messages import PROTOCOL, Audio, Closed, Failed, Left, Refused, Start, Stop
from offhook_agora.pipe import PipeBroken, parent_link
from offhook_agora.process import Output, Process, describe_status
from offhook_agora.settings import PROCESS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_agora.layout import SdkLayout
    from offhook_agora.messages import FromChild, ToChild

#: How long a child may take to end when it is asked to, and how long the system may take to end one that is killed.
STOP_S: Final = 1.0
#: How long to wait, after the end of the connection, for the end of the process, which explains it.
_EXPLAIN_S: Final = 0.5

#: The variables that a child inherits. None of them is a key: those reach it over the socket only.
_INHERITED: Final = ("HOME", "LANG", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ")
#: Settings of the mock's library.
_OF_THE_MOCK: Final = ("OFFHOOK_AGORA_IDLE_FRAMES", "OFFHOOK_AGORA_INTERRUPTED_MS")
_LIBRARY_PATH: Final = "LD_LIBRARY_PATH"


def child_environment(layout: SdkLayout, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a child.

    Args:
        layout: where the SDK is; its libraries are found first.
        settings: those of the phone.
    """
    process = Environment.of_process()
    inherited = [name for name in process if name in _INHERITED or name.startswith("LC_")]
    environment = {name: process[name] for name in inherited}
    if layout.kind == "mock":
        environment |= {name: value for name in _OF_THE_MOCK if (value := settings.get(name))}
    others = process.get(_LIBRARY_PATH)
    return {**environment, _LIBRARY_PATH: f"{layout.libraries}:{others}" if others else str(layout.libraries)}


class ChildHost(Host):
    """Starts at once; see `Host.ready`.

    Args:
        layout: where the SDK is.
        settings: those of the phone.
        starts: held while a process is started, so that one after the other needs the descriptors for that.
        main: the module that the child runs; tests pass doubles.
        start_s, silent_s, hung_s: see `Host`.
    """

    def __init__(
        self,
        layout: SdkLayout,
        settings: Mapping[str, str],
        starts: asyncio.Lock,
        *,
        main: str = boot.MAIN,
        start_s: float = START_S,
        silent_s: float = SILENT_S,
        hung_s: float = HUNG_S,
    ) -> None:
        super().__init__(start_s, silent_s, hung_s)
        self._layout = layout
        self._settings = settings
        self._starts = starts
        self._main = main
        self._process = Process()
        self._output: Output | None = None
        self._pipe: AsyncPipe[FromChild] | None = None
        self._connected = False
        #: Why we killed it; empty while we have not.
        self._killed = ""
        self._end_timer: asyncio.TimerHandle | None = None
        self._starting = self._loop.create_task(self._start())

    @property
    def pid(self) -> int:
        """The process id of the child; 0 before it runs."""
        return self._process.pid

    def post(self, message: ToChild) -> None:
        if self._pipe is not None:
            self._pipe.send(message)

    def send(self, audio: Audio) -> None:
        if self._pipe is not None:
            self._pipe.send(audio)

    def lost(self, number: int) -> int:
        return 0 if self._pipe is None else self._pipe.lost(number)

    def hung(self, reason: str) -> None:
        if not self._killed and not self.problem:
            self._killed = reason
            self._process.kill()

    async def aclose(self) -> None:
        """See `Host.aclose`."""
        if not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        self.post(Stop())
        if self._process.running:
            if not self.problem:
                await asyncio.wait({self._process.ended}, timeout=STOP_S)
            self._process.kill()
            await asyncio.wait({self._process.ended}, timeout=STOP_S)
        self._over("it was stopped")

    # ---- its start

    async def _start(self) -> None:
        try:
            async with self._starts:
                await self._spawn()
        except TransportUnavailable as error:
            self._over(error.message)
        except (OSError, RuntimeError) as error:  # no descriptor, no memory, no thread
            self._over(f"its child process cannot be started: {describe(error)}")

    async def _spawn(self) -> None:
        _check_python()
        first = boot.order(_import_path(), self._main)
        with contextlib.ExitStack() as unused:
            ours, theirs = map(unused.enter_context, socket.socketpair())
            command = boot.command(theirs.fileno())
            # Smaller than what the socket holds, so that it is sent at once, before the pipe sends anything.
            ours.setblocking(False)
            if ours.send(first) < len(first):
                raise TransportUnavailable(f"sys.path is too long for a child process: {len(first):,} bytes")
            read, write = os.pipe()
            unused.pop_all()
        # The child never waits for us to read what it prints: what does not fit is lost.
        os.set_blocking(write, False)
        self._output = Output(read)
        self._pipe = AsyncPipe(ours, parent_link(), self._received, self._disconnected)
        self._connected = True
        layout = self._layout
        start = Start(PROTOCOL, str(layout.package), str(layout.libraries), layout.version or None)
        self._pipe.send(start)
        self._process.ended.add_done_callback(self._exited)
        await self._process.start(
            command,
            child_environment(layout, self._settings),
            passed=theirs.detach(),
            output=write,
            abandoned=self._abandoned,
        )

    def _abandoned(self) -> None:
        """The loop is closed: close what is left, which does not need it."""
        if self._pipe is not None:
            self._pipe.close()
        if self._output is not None:
            self._output.close()

    # ---- what it says

    def _received(self, message: FromChild | Audio) -> None:
        if isinstance(message, Audio):
            self.heard(message)
            return
        self.received(message)
        if self._pipe is not None and isinstance(message, Left | Refused | Closed | Failed):
            self._pipe.forget(message.leg)

    # ---- its end

    def _disconnected(self, reason: PipeBroken) -> None:
        self._connected = False
        if reason.why not in {"closed", "truncated"}:
            self.hung(reason.message)
        self._explain_soon()

    def _exited(self, _ended: asyncio.Future[int]) -> None:
        self._explain_soon()

    def _explain_soon(self) -> None:
        """Explain the end once both the connection and the process have ended, or soon after one of them has."""
        if self._process.ended.done() and not self._connected:
            self._explain()
        elif self._end_timer is None:
            self._end_timer = self._loop.call_later(_EXPLAIN_S, self._explain)

    def _explain(self) -> None:
        if not self._process.pid:  # it does not run; `_start` knows why
            return
        if self._killed:
            problem = f"its child process was killed because {self._killed}"
        elif self._process.ended.done():
            problem = f"its child process {describe_status(self._process.ended.result())}"
        else:
            problem = "its child process closed the connection"
            self._process.kill()
        if self._output is not None and (last := self._output.last()):
            problem += f"; the last that it wrote: {last}"
        self._over(problem)

    def _over(self, problem: str) -> None:
        """Release everything, and put the legs out. Idempotent."""
        if self._end_timer is not None:
            self._end_timer.cancel()
        if self._pipe is not None:
            self._pipe.close()
        if self._output is not None:
            self._output.close()
        self.end(problem)


def _check_python() -> None:
    """Check that this process knows a Python that would run our file, and not the program once more.

    Raises:
        TransportUnavailable: it does not.
    """
    if getattr(sys, "frozen", False):
        problem = "this program is frozen, and has no Python to start a child process with"
    elif not os.access(sys.executable or "", os.X_OK):
        problem = f"sys.executable, which its child process needs, is not a program: {sys.executable!r}"
    else:
        return
    raise TransportUnavailable(f"{problem}; set it, or set {PROCESS_VARIABLE}=inline to do without a child process")


def _import_path() -> list[str]:
    """Where this process finds modules, which may be relative to its working directory, if that still exists."""
    places = list[str]()
    for place in map(os.fsdecode, sys.path):  # programs add bytes and paths to it, although Python ignores these
        with contextlib.suppress(FileNotFoundError):
            places.append(str(Path(place).absolute()))
    return places
