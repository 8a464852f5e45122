"""``offhook bench calls``: how many calls one process carries on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli import EarlySignals, ExitCode, print_json, print_line, run

if TYPE_CHECKING:
    from collections.abc import Collection

    from offhook.cli import Stop
    from offhook.plugin import Plugins
    from offhook_mockserver.commands.bench.search import Search
    from offhook_mockserver.commands.bench.trial import Trial

bench: typer.Typer = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Measure what this machine carries, with calls to a mock."
)


@bench.callback()
def _bench() -> None:
    """Measure what this machine carries, with calls to a mock."""


@bench.command("calls")
def calls_command(
    context: typer.Context,
    first: Annotated[int, typer.Option("--first", metavar="N", min=1, help="How many calls to try first.")] = 10,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, max=5_000, help="Try no more calls.")] = 320,
    talk_s: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=1, max=600, help="How long the calls of a trial talk.")
    ] = 5.0,
    within_s: Annotated[
        float, typer.Option("--within", metavar="SECONDS", min=1, help="Begin no trial after this time.")
    ] = 180.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
) -> None:
    """Find out how many calls one process carries on this machine, and what to set `call_limit` to.

    The calls are real ones, over WebRTC, to a mock in another process. A trial is good if every call is answered, 99 of
    100 timers are late by at most 10 ms, no frame is skipped, lost, late or concealed at either end, and each callee
    hears its own caller in every second. Close other programs first.

    Exit codes: 0; 1 not even one call went well.
    """
    with EarlySignals():
        from offhook_mockserver.commands.bench.report import advice, document
        from offhook_mockserver.commands.bench.search import Search

    plugins: Plugins = context.obj
    printed = frozenset(f"offhook: {complaint}" for complaint in plugins.complaints)
    search = Search(first, most)
    trials = run(lambda stop: _try_all(search, talk_s, within_s, stop, printed, show=not json))
    if json:
        print_json(document(search, trials))
    else:
        for line in advice(search):
            print_line(line)
    if not search.carried:
        raise typer.Exit(ExitCode.FAILED)


async def _try_all(
    search: Search, talk_s: float, within_s: float, stop: Stop, printed: Collection[str], *, show: bool
) -> list[Trial]:
    from offhook_mockserver.commands.bench.report import HEAD, machine, row
    from offhook_mockserver.commands.bench.trial import try_calls

    loop = asyncio.get_running_loop()
    trials: list[Trial] = []
    end_s = loop.time() + within_s
    if show:
        print_line(machine())
        print_line(HEAD)
    for calls in search:
        if trials and loop.time() > end_s:
            break
        trial = await try_calls(calls, talk_s, stop, printed)
        search.note(calls, good=trial.good)
        trials.append(trial)
        if show:
            print_line(row(trial))
    return trials
