"""Chooses the display that fits standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offhook.cli.call.display import NoDisplay, PlainDisplay
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
    if environment.get("NO_COLOR") or not sys.stdout.isatty() or environment.get("TERM") == "dumb":
        return PlainDisplay()
    # Here, since it imports rich, which would slow down the start of every command.
    from offhook.cli.call.live_display import LiveDisplay

    return LiveDisplay()
