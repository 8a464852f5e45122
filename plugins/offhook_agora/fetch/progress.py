"""Shows how far a download is: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Protocol

from offhook.cli import print_line
from offhook.wording import printable

if TYPE_CHECKING:
    from typing import TextIO

    from offhook.interfaces import Environment

_MB: Final = 1_000_000
#: A plain line is printed for each tenth of a download, or for this much if its size is not known.
_STEP: Final = 16 * _MB


class Progress(Protocol):
    """Receives how far a download is."""

    def at(self, received: int, total: int | None) -> None:
        """`received` bytes are there; None if the size is not known."""
        ...

    def note(self, text: str) -> None:
        """Something that a person wants to know has happened."""
        ...

    def close(self) -> None:
        """The download has ended, well or not."""
        ...


def make_progress(terminal: TextIO | None, environment: Environment) -> Progress:
    """Return what shows the progress of a download.

    Args:
        terminal: standard error, if it is a terminal.
        environment: `NO_COLOR` (no-color.org) and ``TERM=dumb`` in it mean plain lines.
    """
    if terminal is None or environment.as_written("NO_COLOR") or environment.as_written("TERM") == "dumb":
        return PlainProgress()
    return BarProgress(terminal)


class PlainProgress:
    """Prints a line for each tenth."""

    def __init__(self) -> None:
        self._step = -1

    def at(self, received: int, total: int | None) -> None:
        step = received * 10 // total if total else received // _STEP
        if step != self._step:
            self._step = step
            of = f" of {total / _MB:.1f}" if total else ""
            self.note(f"fetched {received / _MB:.1f}{of} MB")

    def note(self, text: str) -> None:
        print_line(text, sys.stderr)

    def close(self) -> None:
        """Nothing has to be put back."""


class BarProgress:
    """Draws a bar on a terminal.

    Args:
        terminal: where to draw it.
    """

    def __init__(self, terminal: TextIO) -> None:
        # Here, since rich would slow down the start of every command.
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        # What goes to standard output must not be drawn here.
        self._bar = Bar(*columns, console=Console(file=terminal), redirect_stdout=False, redirect_stderr=False)
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def at(self, received: int, total: int | None) -> None:
        self._bar.update(self._task, completed=received, total=total)

    def note(self, text: str) -> None:
        self._bar.console.print(printable(text), markup=False, highlight=False, emoji=False)

    def close(self) -> None:
        self._bar.stop()
