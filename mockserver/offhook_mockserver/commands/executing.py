"""``offhook mock exec``: a mock for as long as a command runs.

The exit codes are those of `env` and of shells: the command's own, 128 and the number of the signal that ended it, 127
when it was not found, 126 when it cannot be run, and 125 when the mock itself failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

from offhook.cli import print_complaint
from offhook.errors import OffhookError
from offhook.interfaces import Environment
from offhook.wording import describe, quoted
from offhook_mockserver.commands.locator import FILE_VARIABLE
from offhook_mockserver.commands.serving import running
from offhook_mockserver.commands.settings import environment_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook_mockserver.commands.serving import MockOptions


MOCK_FAILED: Final = 125
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
_BY_SIGNAL: Final = 128
#: Signals that end a command, unless it handles them. Before there is a command, they end the start of the mock.
_ENDING: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
#: What is passed on to the command.
_FORWARDED: Final = (*_ENDING, signal.SIGUSR1, signal.SIGUSR2)
#: The system sends these to the whole foreground of a terminal by itself.
_OF_THE_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
#: How long the command has to end when the mock must end before it.
_END_S: Final = 5.0


async def execute(options: MockOptions, command: Sequence[str]) -> int:
    """Start a mock, run `command` with its settings in the environment, and stop the mock; returns the exit code.

    Args:
        options: the options of the mock.
        command: the program and its arguments. It has this process's standard streams and terminal.
    """
    signals = _Signals()
    signals.listen()
    try:
        async with running(options, show_calls=False) as (server, control_file):
            settings = environment_for(server)
            if control_file is not None:
                settings[FILE_VARIABLE] = str(control_file)
            return await _run(command, settings, signals)
    except asyncio.CancelledError:
        if signals.before_the_command is None:
            raise
        return _BY_SIGNAL + signals.before_the_command
    except OffhookError as error:
        print_complaint(error.message)
    except Exception as error:
        print_complaint(f"the mock failed: {describe(error)}")
    return MOCK_FAILED


async def _run(command: Sequence[str], settings: Mapping[str, str], signals: _Signals) -> int:
    ours = Environment.of_process()
    try:
        # As they are: what is wrong with them, the command will say.
        inherited = {name: ours.as_written(name) for name in ours}
        process = await asyncio.create_subprocess_exec(*command, env={**inherited, **settings})
    except FileNotFoundError:
        print_complaint(f"the command {quoted(command[0])} was not found")
        return NOT_FOUND
    except OSError as error:
        print_complaint(f"the command {quoted(command[0])} cannot be run: {error.strerror}")
        return NOT_EXECUTABLE
    signals.begin(process)
    try:
        code = await process.wait()
    finally:
        await _end(process)
    return code if code >= 0 else _BY_SIGNAL - code


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command that is still running, because something else failed."""
    for end in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            end()
            async with asyncio.timeout(_END_S):
                await process.wait()


class _Signals:
    """Passes signals on to the command; before it has begun, a signal cancels the start.

    Attributes:
        before_the_command: the signal that cancelled the start; None if none did.
    """

    def __init__(self) -> None:
        self.before_the_command: int | None = None
        self._process: asyncio.subprocess.Process | None = None

    def listen(self) -> None:
        """Handle the signals from now on, in the running loop. Signals that are ignored stay ignored."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in _FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._handle, number, task)

    def begin(self, process: asyncio.subprocess.Process) -> None:
        """Pass signals on to `process` from now on. When it has ended, they are ignored."""
        self._process = process

    def _handle(self, number: signal.Signals, task: asyncio.Task[int]) -> None:
        if self._process is not None:
            if number not in _OF_THE_TERMINAL or not _in_the_foreground():
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(number)
        elif number in _ENDING and self.before_the_command is None:
            self.before_the_command = number
            task.cancel()


def _in_the_foreground() -> bool:
    """Whether this process, and so the command, belongs to the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
