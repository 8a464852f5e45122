"""``offhook bench calls``: how many calls one process carries on this machine."""

from __future__ import annotations

import asyncio
import os
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli import ExitCode, print_json, print_line, run
from offhook_mockserver.commands.bench.search import Search
from offhook_mockserver.commands.bench.trial import LATE_LIMIT_MS, Trial, try_calls

if TYPE_CHECKING:
    from collections.abc import Collection

    from offhook.cli import Stop
    from offhook.plugin import Plugins

bench: typer.Typer = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Measure what this machine carries, with calls to a mock."
)

_HEAD = "calls    up  up after  busy  mock busy  late p99  skipped  lost  lost there  silent"


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
    plugins: Plugins = context.obj
    printed = frozenset(f"offhook: {complaint}" for complaint in plugins.complaints)
    search = Search(first, most)
    trials = run(lambda stop: _try_all(search, talk_s, within_s, stop, printed, show=not json))
    if json:
        print_json(_document(search, trials))
    else:
        for line in _advice(search):
            print_line(line)
    if not search.carried:
        raise typer.Exit(ExitCode.FAILED)


async def _try_all(
    search: Search, talk_s: float, within_s: float, stop: Stop, printed: Collection[str], *, show: bool
) -> list[Trial]:
    loop, trials = asyncio.get_running_loop(), list[Trial]()
    end_s = loop.time() + within_s
    if show:
        print_line(_machine())
        print_line(_HEAD)
    for calls in search:
        if trials and loop.time() > end_s:
            break
        trial = await try_calls(calls, talk_s, stop, printed)
        search.note(calls, good=trial.good)
        trials.append(trial)
        if show:
            print_line(row(trial))
    return trials


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def row(trial: Trial) -> str:
    """A trial as a line of the table."""
    mock = "-" if trial.mock_percent is None else f"{trial.mock_percent:.0f} %"
    cells = (
        f"{trial.calls:>5}  {trial.up:>4}  {trial.dial_s:>6.1f} s  {trial.busy_percent:>2.0f} %  {mock:>9}"
        f"  {trial.late_p99_ms:>5.1f} ms  {trial.skipped:>7}  {trial.lost:>4}  {trial.lost_at_callees:>10}"
        f"  {trial.silent_s:>4} s"
    )
    return f"{cells}  {'good' if trial.good else trial.problem or 'not good'}"


def _advice(search: Search) -> list[str]:
    if not search.carried:
        return ["not even the first calls went well: is the machine busy? Try --first 1"]
    lines = [f"this process carries {search.carried} calls on this machine"]
    if search.failed is None:
        lines[0] = f"this process carries at least {search.carried} calls on this machine"
    elif not search.done:
        lines.append(f"between {search.carried} and {search.failed} calls nothing was tried: the time was up")
    lines.append(f"set Phone(call_limit={search.advice}): a fifth less, since other work and a real network cost more")
    return lines


def _document(search: Search, trials: list[Trial]) -> dict[str, object]:
    return {
        "machine": _machine(),
        "late_limit_ms": LATE_LIMIT_MS,
        "trials": [{**asdict(trial), "good": trial.good} for trial in trials],
        "carried": search.carried,
        "failed": search.failed,
        "exact": search.done,
        "call_limit": search.advice,
    }
