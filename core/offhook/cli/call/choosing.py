"""Chooses the display that fits standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.cli.call.display import NoDisplay, PlainDisplay
from offhook.cli.streams import terminal
from offhook.interfaces.environment import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.cli.call.display import Display


def choose(*, json: bool, environment: Mapping[str, str] | None = None) -> Display:
    """Return the display that fits standard output.

    Args:
        json: whether the command prints a JSON document, and nothing else.
        environment: `NO_COLOR` (no-color.org) in it means plain lines; the process's own by default.
    """
    environment = Environment.of_process() if environment is None else environment
    if json:
        return NoDisplay()
    stream = terminal()
    if environment.get("NO_COLOR") or stream is None or environment.get("TERM") == "dumb":
        return PlainDisplay()
    # Here, since rich would slow down the start of every command.
    from rich.console import Console

    from offhook.cli.call.live_display import LiveDisplay

    return LiveDisplay(Console(file=stream, highlight=False))
