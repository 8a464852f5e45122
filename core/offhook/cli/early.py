"""Signals before a command has begun: they end the process at once, without a traceback.

While modules are imported there is nothing to hang up and no file to finish. Ctrl-C would raise KeyboardInterrupt in
the middle of an import: that prints a traceback, or it is lost in code that cannot raise.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

#: The signals that end a command, and the exit code of each.
CODES: Final[Mapping[signal.Signals, int]] = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
}


@contextlib.contextmanager
def signals_end_the_process() -> Generator[None]:
    """While this lasts, a signal ends the process at once, with its exit code. Ignored signals stay ignored.

    In other threads than the main one, this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in CODES if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signals_end_with(code: int) -> None:
    """From now on, a signal that would interrupt or end the process ends it at once with `code`: its work is done."""

    def end(number: int, _: object, exit_: Callable[[int], object] = os._exit) -> None:  # bound, since modules go away
        exit_(code)

    usual = (signal.SIG_DFL, signal.default_int_handler)
    for number in CODES:
        if signal.getsignal(number) in usual:
            signal.signal(number, end)


def _end(number: int, _: object) -> None:
    os._exit(CODES[signal.Signals(number)])
