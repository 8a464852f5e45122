"""Signals before a command has begun: they end the process at once, without a traceback.

While modules are imported there is nothing to hang up and no file to finish. Ctrl-C would raise KeyboardInterrupt in
the middle of an import: that prints a traceback, or it is lost in code that cannot raise.

This module imports only what the interpreter has loaded already, so that it can act as soon as it is imported.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import Final, TypeAlias

    Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
else:
    import _signal  # what `signal` is made of; `signal` itself makes enumerations first

#: The signals that end a command, and the exit code of each.
CODES: Final[Mapping[int, int]] = {_signal.SIGINT: 130, _signal.SIGTERM: 143, _signal.SIGHUP: 129}


class EarlySignals:
    """While this lasts, a signal ends the process at once, with its exit code. Ignored signals stay ignored.

    In other threads than the main one, this changes nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> None:
        for number in CODES:
            before = _signal.getsignal(number)
            if before is not _signal.SIG_IGN and before is not None and _set(number, _end_early):
                self._before[number] = before

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            _set(number, before)


def _set(number: int, handler: Handler) -> bool:
    """Set a handler; returns False in a thread that may not."""
    try:
        _signal.signal(number, handler)
    except ValueError:
        return False
    return True


def _end_early(number: int, _: object) -> None:
    os._exit(CODES[number])


def end_with(code: int) -> None:
    """From now on, a signal that would interrupt or end the process ends it at once with `code`: its work is done."""

    def end(number: int, _: object, exit_: Callable[[int], object] = os._exit) -> None:  # bound, since modules go away
        exit_(code)

    for number in CODES:
        if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
            _set(number, end)
