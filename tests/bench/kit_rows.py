"""K1 to K5 and K7: what the test kit costs a test, a session, and a run that does not use it.

Each figure is of processes of its own. Where time passes in two threads (K1 to K3) it is wall time, so the median of
many; K4 is CPU time; K5 is memory, which other processes do not change.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from tests.bench.method import HAS_PROC, middle, progress
from tests.bench.table import Row
from tests.mockserver.soak import slope

if TYPE_CHECKING:
    from collections.abc import Sequence

Figures: TypeAlias = "dict[str, list[float]]"

_SCRIPT: Final = Path(__file__).with_name("kit_process.py")
_STORIES: Final = Path(__file__).with_name("stories.py")
_PROCESSES_PER_TURN: Final = 3
#: K5 sends this many requests for each turn: ten turns are the 200,000 of its goal.
REQUESTS_PER_TURN: Final = 20_000
_STORY_TESTS: Final = 200
_TIMEOUT_S: Final = 1_800


async def measure(turns: int) -> list[Row]:
    """K1, K2 and K3."""
    return await asyncio.to_thread(_measure_sessions, turns)


async def measure_plugins(turns: int) -> list[Row]:
    """K4."""
    return await asyncio.to_thread(_measure_plugins, turns)


async def measure_slope(turns: int) -> list[Row]:
    """K5."""
    return await asyncio.to_thread(_measure_slope, turns * REQUESTS_PER_TURN)


async def measure_stories(turns: int) -> list[Row]:
    """K7."""
    return await asyncio.to_thread(_measure_stories, turns)


def _measure_sessions(turns: int) -> list[Row]:
    count = turns * _PROCESSES_PER_TURN
    found = [run("session", f"session {number + 1} of {count}") for number in range(count)]

    def medians(figure: str) -> list[float]:
        return [statistics.median(figures[figure]) for figures in found]

    return [
        _row("K1", "a tenant for a test, on a server that runs", medians("tenant"), 0.5),
        _row("K1.end", "the end of that test: its calls, its tenant", medians("test_end"), None),
        _row("K2", "the session fixture: plugins and server, modules imported", medians("start"), 120),
        _row("K2.imports", "the same, with all imports", medians("imports"), None),
        _row("K3", "the end of the session fixture", medians("stop"), 20),
    ]


def _measure_plugins(turns: int) -> list[Row]:
    count = turns * _PROCESSES_PER_TURN
    spent_ms = [value for number in range(count) for value in run("plugins", f"{number + 1} of {count}")["import"]]
    note = "CPU time, when pytest has imported itself; their imports and registration"
    return [_row("K4", "what the two pytest plugins add to a run that does not use them", spent_ms, 15, note)]


def _measure_slope(count: int) -> list[Row]:
    left: list[float] = []
    note = "there is no /proc here"
    if HAS_PROC:
        figures = run("requests", str(count))
        bytes_each = slope(list(zip(figures["requests"], figures["bytes"], strict=True)))
        left = [bytes_each * 1e6 / 2**20]
        note = f"the last half of {count:,} calls that were declined; the journal holds {figures['entries'][0]:.0f}"
    what = "memory that a million requests leave behind, in one tenant with a journal"
    return [
        Row(
            id="K5",
            what=what,
            value=middle(left),
            unit="MB",
            floor=64,
            goal=32,
            turns=left,
            note=note,
            enforced=bool(left),
        )
    ]


def _measure_stories(turns: int) -> list[Row]:
    rows: list[Row] = []
    for name, what, options in (
        ("K7", "one process", ("-p", "no:xdist")),
        ("K7.two", "two processes (-n 2)", ("-n", "2")),
    ):
        taken_s: list[float] = []
        spent_s: list[float] = []
        for turn in range(turns):
            progress(f"{_STORY_TESTS} stories, {what}: turn {turn + 1} of {turns}")
            wall_s, cpu_s = tell_stories(_STORY_TESTS, options)
            taken_s.append(wall_s)
            spent_s.append(cpu_s)
        rows.append(
            Row(
                id=name,
                what=f"{_STORY_TESTS} story tests in virtual time, {what}",
                value=middle(taken_s),
                unit="s",
                floor=40,
                goal=20,
                turns=taken_s,
                note=f"wall time, the start of pytest included; {statistics.median(spent_s):.1f} s of CPU time",
                enforced=False,  # other work on the machine counts
            )
        )
    return rows


def _row(name: str, what: str, values: Sequence[float], goal: float | None, note: str = "wall time") -> Row:
    """A row in milliseconds; its floor is twice its goal."""
    floor = None if goal is None else 2 * goal
    return Row(id=name, what=what, value=middle(values), unit="ms", floor=floor, goal=goal, turns=values, note=note)


def run(kind: str, what: str) -> Figures:
    """Run one measured process; for requests, `what` is their number.

    Raises:
        RuntimeError: it failed.
    """
    progress(f"test kit, {kind}: {what}")
    command = [sys.executable, str(_SCRIPT), kind, *([what] if kind == "requests" else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    if done.returncode:
        raise RuntimeError(f"{kind} failed:\n{done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures


def tell_stories(count: int, options: Sequence[str]) -> tuple[float, float]:
    """Run `count` story tests with pytest, with these options; returns the wall time and the CPU time in seconds.

    Raises:
        RuntimeError: a test did not pass.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *options]
    before, began_s = _cpu_of_children_s(), time.perf_counter()
    done = subprocess.run(
        [*command, str(_STORIES)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        cwd=_STORIES.parents[2],
        env={**os.environ, "OFFHOOK_BENCH_STORIES": str(count // 4)},
    )
    if done.returncode or f"{count} passed" not in done.stdout:
        raise RuntimeError(f"the stories failed:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - began_s, _cpu_of_children_s() - before


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
