"""The command line: ``offhook``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line with the process's arguments and exit with its code."""
    try:
        from offhook.cli.root import run  # typer is only wanted when the command line is

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was anything to hang up
        code = 130
    sys.exit(code)
