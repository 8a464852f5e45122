"""What the trials showed, for people and for programs."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from offhook_mockserver.commands.bench.trial import LATE_LIMIT_MS

if TYPE_CHECKING:
    from offhook_mockserver.commands.bench.search import Search
    from offhook_mockserver.commands.bench.trial import Trial

#: The head of the table that `row` fills.
HEAD: Final = "calls    up  up after    busy  mock busy  late p99  skipped  lost  lost there  silent"


def machine() -> str:
    """What the figures are from."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def row(trial: Trial) -> str:
    """A trial as a line of the table."""
    measured = trial.measured
    if measured is None:
        needed = f"{'-':>6}  {'-':>9}  {'-':>8}"
    else:
        mock = "-" if measured.mock_percent is None else f"{measured.mock_percent:.0f} %"
        needed = f"{measured.busy_percent:>4.0f} %  {mock:>9}  {measured.late_p99_ms:>5.1f} ms"
    cells = (
        f"{trial.calls:>5}  {trial.up:>4}  {trial.dial_s:>6.1f} s  {needed}  {trial.skipped:>7}  {trial.lost:>4}"
        f"  {trial.lost_at_callees:>10}  {trial.silent_s:>4} s"
    )
    return f"{cells}  {'good' if trial.good else trial.problem or 'not good'}"


def advice(search: Search) -> list[str]:
    """What the trials say, as lines for people."""
    if not search.carried:
        return ["not even the first calls went well: is the machine busy? Try --first 1"]
    lines = [f"this process carries {search.carried} calls on this machine"]
    if search.failed is None:
        lines[0] = f"this process carries at least {search.carried} calls on this machine"
    elif not search.done:
        lines.append(f"between {search.carried} and {search.failed} calls nothing was tried: the time was up")
    lines.append(f"set Phone(call_limit={search.advice}): a fifth less, since other work and a real network cost more")
    return lines


def document(search: Search, trials: list[Trial]) -> dict[str, object]:
    """What the trials say, as a JSON document."""
    return {
        "machine": machine(),
        "late_limit_ms": LATE_LIMIT_MS,
        "trials": [{**asdict(trial), "good": trial.good} for trial in trials],
        "carried": search.carried,
        "failed": search.failed,
        "exact": search.done,
        "call_limit": search.advice,
    }
