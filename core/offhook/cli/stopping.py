"""Signals: the first ends the work within 5 s, the second ends the process at once.

When a signal arrives, the interpreter's own handler writes to a descriptor at once, and a thread reads from it. So it
does not matter what the event loop or the main thread is doing, or whether a plugin refuses to end. Handlers in Python
do not work here: they run in the main thread, and not while it runs native code. An alarm does not work either: its
default action ends the process with the alarm's exit code and without the acts of `Stop.last_act`. Ending at once is
safe: recordings are valid at every moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from offhook.cli import early
from offhook.cli.event_loop import loop_factory
from offhook.cli.exit_codes import ExitCode
from offhook.cli.streams import STDERR, STDOUT, write_if_accepted, written_in_background
from offhook.interfaces.clock import SystemClock
from offhook.plugin.isolation import cancel_and_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

_T = TypeVar("_T")

#: How long the work has, from the first signal on, to hang up and to finish its files, so that the process has ended
#: after 5 s. If everything hangs, the record of a call is whole after 4.5 s; a double-dial guard that hangs as well
#: is cut short, and then only its key is not released.
DRAIN_S: Final = 4.8
#: The signals that end a command, and the exit code of each.
CODES: Final[Mapping[signal.Signals, ExitCode]] = {
    signal.Signals(number): ExitCode(code) for number, code in early.CODES.items()
}


class Stop:
    """Ends a command when signals arrive.

    Args:
        drain_s: how long the work has after the first signal.
        end: ends the process with an exit code, without waiting for anything.

    Attributes:
        code: the exit code of the first signal; None before it.
    """

    def __init__(self, *, drain_s: float = DRAIN_S, end: Callable[[int], object] = os._exit) -> None:
        self.code: ExitCode | None = None
        self._drain_s = drain_s
        self._end = end
        self._acts: list[Callable[[], object]] = []
        self._work: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._changed = threading.Lock()
        self._previous: dict[int, Any] = {}
        self._previous_descriptor = -1
        self._thread = threading.Thread(target=self._run, name="offhook-signals", daemon=True)

    @property
    def signal_name(self) -> str:
        """The name of the first signal; empty before it."""
        return next((number.name for number, code in CODES.items() if code is self.code), "")

    def listen(self) -> None:
        """Handle the signals from now on. Call it in the main thread."""
        self._receiver, self._sender = socket.socketpair()
        self._sender.setblocking(False)  # as set_wakeup_fd() asks
        self._thread.start()
        for number in CODES:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup asked for that
            self._previous[number] = signal.signal(number, self._forward)
        self._previous_descriptor = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)

    def dismiss(self) -> None:
        """Restore the previous handlers."""
        signal.set_wakeup_fd(self._previous_descriptor)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._sender.close()
        self._thread.join()
        self._receiver.close()

    def attach(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task of the running loop at the first signal; at once if that has arrived already."""
        with self._changed:
            self._work = asyncio.get_running_loop(), task
            if self.code is not None:
                task.cancel()

    @contextlib.contextmanager
    def last_act(self, act: Callable[[], object]) -> Generator[None]:
        """While this lasts, call `act` before the process is ended at once.

        Acts run on another thread, the newest first. They must be quick.
        """
        self._acts.append(act)
        try:
            yield
        finally:
            self._acts.remove(act)

    def _forward(self, number: int, _: object) -> None:
        # Other code may have replaced the descriptor, as a loop's add_signal_handler() does.
        ours = self._sender.fileno()
        theirs = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        if theirs != ours:
            signal.set_wakeup_fd(theirs)
            self._sender.send(bytes((number,)))

    # ---- on the thread

    def _run(self) -> None:
        clock, end_s = SystemClock(), None
        while True:
            self._receiver.settimeout(None if end_s is None else max(0.001, end_s - clock.monotonic_s()))
            try:
                received = self._receiver.recv(1)
            except TimeoutError:
                text = f"offhook: not everything ended within {self._drain_s:g} s; left it\n"
                write_if_accepted(STDERR, text.encode())
                self._end_now()
                return
            if not received:
                return
            if received[0] not in CODES:  # every signal that Python handles is written here
                continue
            if self.code is not None:
                self._end_now()
                return
            end_s = clock.monotonic_s() + self._drain_s
            self._begin_to_end(CODES[signal.Signals(received[0])])

    def _begin_to_end(self, code: ExitCode) -> None:
        with self._changed:
            self.code = code
            if self._work is not None:
                loop, task = self._work
                with contextlib.suppress(RuntimeError):  # the loop was closed: it is ending already
                    loop.call_soon_threadsafe(task.cancel)

    def _end_now(self) -> None:
        for act in reversed(self._acts):
            with contextlib.suppress(Exception):  # nothing may keep the process from ending
                act()
        show_cursor(STDOUT)  # a display that cannot finish has hidden it
        assert self.code is not None
        self._end(self.code)


def show_cursor(descriptor: int) -> None:
    """Show the cursor again if the descriptor is a terminal's."""
    if os.isatty(descriptor):
        write_if_accepted(descriptor, b"\x1b[?25h")


def run(main: Callable[[Stop], Coroutine[object, object, _T]], stop: Stop | None = None) -> _T:
    """Run a command's coroutine on a loop of its own. A signal cancels it; see `Stop`.

    After a signal the time limit applies until the process has ended, also after this function has returned.

    Args:
        main: makes the coroutine.
        stop: handles the signals; a new one by default.

    Raises:
        typer.Exit: a signal arrived, and the coroutine raised CancelledError.
    """
    stop = stop or Stop()

    async def whole() -> _T:
        task = asyncio.current_task()
        assert task is not None
        stop.attach(task)
        try:
            return await main(stop)
        finally:
            if stop.code is not None:
                left.update(await cancel_and_wait(asyncio.all_tasks() - {task}))

    left: set[asyncio.Task[Any]] = set()
    runner = asyncio.Runner(loop_factory=loop_factory())
    stop.listen()
    try:
        with written_in_background(lambda: stop.code is not None):
            return runner.run(whole())
    except asyncio.CancelledError:
        if stop.code is None:
            raise
        from typer import Exit  # here, so that a command that is not typer's starts without it

        raise Exit(stop.code) from None
    finally:
        _close(runner, left)
        if stop.code is None:
            stop.dismiss()


def _close(runner: asyncio.Runner, left: set[asyncio.Task[Any]]) -> None:
    if left:  # closing would wait for tasks that do not end; without this handler, deleting the loop would report them
        runner.get_loop().set_exception_handler(lambda loop, context: None)
    else:
        runner.close()
