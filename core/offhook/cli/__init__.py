"""The command line: ``offhook``, and what commands of plugins need.

The names are imported on first use, so that importing this package does not import typer.
"""

from __future__ import annotations

import atexit
import sys

TYPE_CHECKING = False  # without importing typing, see `offhook.cli.early`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from offhook.cli.call.choosing import choose
    from offhook.cli.call.display import Display
    from offhook.cli.call.folder import CALLEE_HEARD
    from offhook.cli.call.placing import CallOrder, CallResult, place, report
    from offhook.cli.early import EarlySignals
    from offhook.cli.event_loop import loop_factory
    from offhook.cli.exit_codes import ExitCode, code_for_error
    from offhook.cli.output import print_complaint, print_json, print_line
    from offhook.cli.stopping import Stop, run
    from offhook.cli.streams import stream_terminal

__all__ = [
    "CALLEE_HEARD",
    "CallOrder",
    "CallResult",
    "Display",
    "EarlySignals",
    "ExitCode",
    "Stop",
    "choose",
    "code_for_error",
    "loop_factory",
    "main",
    "place",
    "print_complaint",
    "print_json",
    "print_line",
    "report",
    "run",
    "stream_terminal",
]

_HOMES: Final[Mapping[str, str]] = {
    "CALLEE_HEARD": "offhook.cli.call.folder",
    "Display": "offhook.cli.call.display",
    "ExitCode": "offhook.cli.exit_codes",
    "code_for_error": "offhook.cli.exit_codes",
    "CallOrder": "offhook.cli.call.placing",
    "CallResult": "offhook.cli.call.placing",
    "Stop": "offhook.cli.stopping",
    "choose": "offhook.cli.call.choosing",
    "loop_factory": "offhook.cli.event_loop",
    "place": "offhook.cli.call.placing",
    "print_complaint": "offhook.cli.output",
    "print_json": "offhook.cli.output",
    "print_line": "offhook.cli.output",
    "report": "offhook.cli.call.placing",
    "run": "offhook.cli.stopping",
    "stream_terminal": "offhook.cli.streams",
    "EarlySignals": "offhook.cli.early",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def main() -> None:
    """Run the command line with the process's arguments and exit with its code."""
    from offhook.cli.early import EarlySignals, end_with

    with EarlySignals():
        from offhook.cli.streams import guard_streams

        guard_streams()
        from offhook.cli.root import run
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # there was nothing to hang up
        code = 130
    atexit.register(end_with, code)
    sys.exit(code)
