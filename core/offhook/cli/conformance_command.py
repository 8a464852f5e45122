"""``offhook conformance``: tests whether a plugin does what the core relies on, clause by clause."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.exit_codes import ExitCode
from offhook.cli.output import print_json, print_line, printed_here
from offhook.interfaces.environment import Environment
from offhook.paths import expanded

if TYPE_CHECKING:
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
        str, typer.Option(metavar="NAME", help="The far end on the other side (default: the one of the same name).")
    ] = "",
    argument: Annotated[
        str, typer.Option(metavar="TEXT", help="For an import path: the argument that a spec would have.")
    ] = "",
    host: Annotated[
        str, typer.Option(metavar="HOST", help="For an auth: the host that it signs for (default: api.example.com).")
    ] = "",
    foreign_host: Annotated[
        str, typer.Option(metavar="HOST", help="For an auth: a host that must not receive its keys.")
    ] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="For a carrier or a transport: a setting besides the shell's and the far end's. {OTHER} in VALUE is "
            "the far end's setting of that name. Repeat it for more.",
        ),
    ] = None,
    not_claimed: Annotated[
        list[str] | None,
        typer.Option(metavar="CAPABILITY", help="Skip the clauses that depend on this. Repeat it for more."),
    ] = None,
    expected: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="FILE", help="A file that lists clauses that are known to fail."),
    ] = None,
    clause: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Run only this clause, for example source-4. Repeat it for more."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
) -> None:
    """Test a plugin against the contract of its kind, clause by clause.

    In the spec of a sink or a store, write {folder} for the folder to write to: {folder} is replaced by a new folder
    for each clause. A part is made with the settings of the shell; for a carrier or a transport, the settings of its
    far end replace those of the same name.

    Exit codes: 0 no clause failed, 1 a clause failed, 2 there is nothing to test.
    """
    from offhook.testing.conformance import run_kit  # here, since it imports what only tests need
    from offhook.testing.conformance.lookup import Wanted, clause_ids, find_kit

    sys.path.insert(0, os.fspath(expanded(".").absolute()))  # as Python itself does for a script
    wanted = Wanted(
        kind=kind,
        what=what,
        far_end=far_end,
        argument=argument,
        host=host,
        foreign_host=foreign_host,
        not_claimed=tuple(not_claimed or ()),
        expected=expected,
        settings=tuple(setting or ()),
    )
    plugins: Plugins = context.obj
    with printed_here(""):  # the log is part of the tests
        kit = find_kit(wanted, plugins, Environment.of_process())
        only = clause_ids(kit, tuple(clause or ()))
        report = run_kit(kit, what, only=only, told=_print if not json else lambda result: None)
    if json:
        print_json(report.document())
    else:
        print_line(report.summary)
    if not report.passed:
        raise typer.Exit(ExitCode.FAILED)


def _print(result: Result) -> None:
    for line in result.lines():
        print_line(line)
