"""The command line: ``offhook``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line with the process's arguments and exit with its code."""
    from offhook.cli.root import run  # typer is only wanted when the command line is

    sys.exit(run(sys.argv[1:]))
