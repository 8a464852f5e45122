"""N1, N2: how many calls one process carries, against a version from before; and what twice as many do to those up.

Both versions run in processes of their own, in turns, each against a mock of its own version. Without the old commit,
as in a shallow clone, N1 says so.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.bench.checkouts import BEFORE_MANY_CALLS as OLD
from tests.bench.checkouts import ROOT, absent, checkout
from tests.bench.method import middle, progress
from tests.bench.table import Row

from offhook_mockserver.commands.bench.search import Search

_SCRIPT: Final = Path(__file__).with_name("knee_process.py")
_FIRST: Final = 20
_MOST: Final = 320
_TALK_S: Final = 4.0
#: How late 99 of 100 timers may be, in milliseconds.
_LATE_MS: Final = 10.0


async def measure(turns: int) -> list[Row]:
    """Both rows; each turn finds the number of calls of both versions."""
    return await asyncio.to_thread(_measure, turns)


def _measure(turns: int) -> list[Row]:
    ratios: list[float] = []
    carried: dict[str, list[int]] = {"old": [], "new": []}
    storms: list[dict[str, Any]] = []
    with checkout(OLD) as old:
        arms = {"new": ROOT, "old": old} if old else {"new": ROOT}
        for turn in range(turns):
            for arm in arms if turn % 2 else reversed(arms):
                found = max([_FIRST, *carried["old"][-1:], *carried[arm][-1:]])  # so that fewer are tried
                carried[arm].append(_carries(arm, arms[arm], f"turn {turn + 1} of {turns}", found))
            if carried["old"] and carried["new"][-1]:
                ratios.append(carried["old"][-1] / carried["new"][-1])
            storms.append(run(ROOT, 2 * max(1, carried["new"][-1]), storm=True))
    return [_knee_row(ratios, carried), _storm_row(storms)]


def _knee_row(ratios: list[float], carried: dict[str, list[int]]) -> Row:
    note = f"{statistics.median(carried['new']):g} calls; {absent(OLD)}"
    if ratios:
        new, old = (statistics.median(carried[arm]) for arm in ("new", "old"))
        note = f"{new:g} against {old:g} calls, no frame skipped, lost or late at either end, every second heard"
    return Row(
        id="N1",
        what=f"calls that one process carries, at {OLD} / now",
        value=middle(ratios),
        floor=1.1,
        goal=0.53,
        turns=ratios,
        note=note,
        enforced=False,
    )


def _storm_row(storms: list[dict[str, Any]]) -> Row:
    skipped = [float(storm["skipped"] + storm["lost"] + storm["lost_at_callees"]) for storm in storms]
    last = storms[-1]
    return Row(
        id="N2",
        what="frames skipped or lost, at either end, when twice as many calls are dialled at once as a process carries",
        value=middle(skipped),
        unit="frames",
        floor=0,
        goal=0,
        turns=skipped,
        note=f"of {last['calls']} calls {last['up']} were up and {last['refused']} refused, in the last turn",
        enforced=False,
    )


def _carries(arm: str, version: Path, where: str, first: int) -> int:
    search = Search(first, _MOST)
    for calls in search:
        progress(f"calls of one process, {arm}, {where}: {calls}")
        search.note(calls, good=is_good(run(version, calls)))
    return search.carried


def is_good(measured: dict[str, Any]) -> bool:
    """Whether all calls were up and nothing was late, lost or silent."""
    damage = sum(measured[name] for name in ("skipped", "lost", "lost_at_callees", "silent_s", "slow"))
    return measured["up"] == measured["calls"] and measured["late_p99_ms"] <= _LATE_MS and not damage


def run(version: Path, calls: int, *, talk_s: float = _TALK_S, storm: bool = False) -> dict[str, Any]:
    """Place calls in a process of their own; returns what it prints.

    Args:
        version: the checkout with its offhook.
        calls: how many.
        talk_s: how long they talk, in seconds.
        storm: whether the phone has the limits that it has without settings.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, str(_SCRIPT), str(version), str(calls), str(talk_s), *(["--storm"] if storm else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the process for {version} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
