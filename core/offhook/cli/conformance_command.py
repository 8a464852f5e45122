"""``offhook conformance``: whether a plugin does what the core relies on, clause by clause."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook.plugin.manager import Plugins
    from offhook.testing.conformance import Result


def conformance(
    context: typer.Context,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="auth, carrier, transport, source, sink, filter, resampler or store.")
    ],
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A registered name or spec (aiortc, wav:greeting.wav), or an import path: pkg.module:factory.",
        ),
    ],
    far_end: Annotated[
        str, typer.Option(metavar="NAME", help="What is on the other side; by default the far end of the same name.")
    ] = "",
    argument: Annotated[
        str, typer.Option(metavar="TEXT", help="For an import path: the argument that a spec would have.")
    ] = "",
    host: Annotated[
        str, typer.Option(metavar="HOST", help="For an auth: whose headers are asked for; api.example.com by default.")
    ] = "",
    foreign_host: Annotated[
        str, typer.Option(metavar="HOST", help="For an auth: a host that it must not give its keys to.")
    ] = "",
    not_claimed: Annotated[
        list[str] | None,
        typer.Option(metavar="CAPABILITY", help="Do not ask for what depends on it; again for more."),
    ] = None,
    expected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file of clauses that are known to fail.")
    ] = None,
    clause: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this clause, for example source-4; again for more.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
) -> None:
    """Test a plugin against the contract of its kind, clause by clause.

    Write {folder} where a sink or a store writes: it becomes a new folder for each clause.

    Exit codes: 0 nothing failed, 1 something did, 2 there is nothing to test.
    """
    from offhook.testing.conformance import run_kit  # it brings along what only tests need
    from offhook.testing.conformance.lookup import Wanted, clause_ids, find_kit

    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as Python itself does for a script
    wanted = Wanted(
        kind=kind,
        what=what,
        far_end=far_end,
        argument=argument,
        host=host,
        foreign_host=foreign_host,
        not_claimed=tuple(not_claimed or ()),
        expected=expected,
    )
    plugins: Plugins = context.obj
    with _nothing_printed():
        kit = find_kit(wanted, plugins, os.environ)
        only = clause_ids(kit, tuple(clause or ()))
        report = run_kit(kit, what, only=only, told=_told if not json else lambda result: None)
    typer.echo(dumps(report.document()) if json else report.summary)
    if not report.passed:
        raise typer.Exit(ExitCode.FAILED)


@contextlib.contextmanager
def _nothing_printed() -> Generator[None]:
    """What is logged meanwhile is part of the tests: where no handler was asked for, it is not printed."""
    silent = logging.NullHandler()
    logging.getLogger().addHandler(silent)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(silent)


def _told(result: Result) -> None:
    for line in result.lines():
        typer.echo(line)
