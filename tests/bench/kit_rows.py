"""K1 to K5 and K7: what the test kit costs a test, a session, and a run that does not use it.

Each figure is of processes of its own, and a multiple of what a fixed piece of Python takes in the same process. Where
time passes in two threads (K1 to K3) both are wall time, of which the median of many; for K4 both are CPU time. K5 is
memory, which other processes do not change.
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

from tests.bench.calibration import calibration_s
from tests.bench.method import HAS_PROC, middle, progress
from tests.bench.table import Row
from tests.mockserver.soak import slope

if TYPE_CHECKING:
    from collections.abc import Sequence

Figures: TypeAlias = "dict[str, list[float]]"

_SCRIPT: Final = Path(__file__).with_name("kit_process.py")
_STORIES: Final = Path(__file__).with_name("stories.py")
_PROCESSES_PER_TURN: Final = 3
#: K5 sends this many requests for each turn: forty turns are the 200,000 of its goal.
REQUESTS_PER_TURN: Final = 5_000
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

    def row(name: str, what: str, figure: str, goal: float | None, count: int = 1) -> Row:
        return _row(name, what, found, figure, goal, count)

    return [
        row("K1", "100 tenants for tests, on a server that runs", "tenant", 1, 100),
        row("K1.end", "the ends of 100 tests: their calls, their tenants", "test_end", None, 100),
        row("K2", "the session fixture: plugins and server, modules imported", "start", 2),
        row("K2.imports", "the same, with all imports", "imports", None),
        row("K3", "the end of the session fixture", "stop", 0.4),
    ]


def _measure_plugins(turns: int) -> list[Row]:
    count = turns * _PROCESSES_PER_TURN
    found = [run("plugins", f"{number + 1} of {count}") for number in range(count)]
    note = "CPU time, when pytest has imported itself; their imports and registration"
    what = "what the two pytest plugins add to a run that does not use them"
    return [_row("K4", what, found, "import", 0.3, note=note)]


def _measure_slope(count: int) -> list[Row]:
    left: list[float] = []
    note = "there is no /proc here"
    if HAS_PROC:
        figures = run("requests", str(count))
        bytes_each = slope(list(zip(figures["requests"], figures["bytes"], strict=True)))
        left = [bytes_each * 1e6 / figures["bytes"][0]]
        note = (
            f"{bytes_each * 1e6 / 2**20:.2f} MB, from the last half of {count:,} calls that were declined; the journal"
            f" holds {figures['entries'][0]:.0f}"
        )
    what = "memory that a million requests leave in one tenant with a journal / of the process before the first"
    return [
        Row(
            id="K5",
            what=what,
            value=middle(left),
            floor=1,
            goal=0.5,
            turns=left,
            note=note,
            enforced=bool(left),
        )
    ]


def _measure_stories(turns: int) -> list[Row]:
    alone_s: list[float] = []
    pieces: list[float] = []
    shares: list[float] = []
    for turn in range(turns):
        progress(f"{_STORY_TESTS} stories: turn {turn + 1} of {turns}")
        wall_s, cpu_s = tell_stories(_STORY_TESTS, ("-p", "no:xdist"))
        two_s, _ = tell_stories(_STORY_TESTS, ("-n", "2"))
        alone_s.append(wall_s)
        pieces.append(cpu_s / _STORY_TESTS / calibration_s())
        shares.append(two_s / wall_s)
    return [
        Row(
            id="K7",
            what=f"a story test in virtual time, of {_STORY_TESTS} in one process, CPU time / a fixed piece of Python",
            value=middle(pieces),
            floor=4,
            goal=2,
            turns=pieces,
            note=f"{statistics.median(alone_s):.1f} s for all of them, the start of pytest included",
            enforced=False,
        ),
        Row(
            id="K7.two",
            what="the same in two processes (-n 2) / in one, wall time",
            value=middle(shares),
            floor=1.2,
            goal=0.8,
            turns=shares,
            note="each process imports everything",
            enforced=False,  # other work on the machine counts
        ),
    ]


def _row(
    name: str,
    what: str,
    found: Sequence[Figures],
    figure: str,
    goal: float | None,
    count: int = 1,
    note: str = "wall time",
) -> Row:
    """A row in pieces of Python; its floor is twice its goal. `count` times what was measured is shown."""
    turns = [count * statistics.median(each[figure]) / statistics.median(each["piece"]) for each in found]
    one_ms, piece_ms = (statistics.median(value for each in found for value in each[key]) for key in (figure, "piece"))
    return Row(
        id=name,
        what=f"{what} / a fixed piece of Python",
        value=middle(turns),
        floor=None if goal is None else 2 * goal,
        goal=goal,
        turns=turns,
        note=f"{note}; {one_ms:.2f} ms each, and the piece {piece_ms:.0f} ms",
    )


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
