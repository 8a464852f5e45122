"""K8: many calls of a minute at once in virtual time, against a version from before: CPU time of one call.

Each version runs in a process of its own, in turns. Without the old commit, as in a shallow clone, the row says so.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench.checkouts import BEFORE_MANY_CALLS as OLD
from tests.bench.checkouts import ROOT, absent, checkout
from tests.bench.method import middle, progress
from tests.bench.table import Row

_SCRIPT: Final = Path(__file__).with_name("virtual_many.py")
_CALLS: Final = 200
_MANY: Final = 1_000
_TIMEOUT_S: Final = 200


async def measure(turns: int) -> list[Row]:
    """K8 from one pair of processes for each turn, and K8.many from one process."""
    return await asyncio.to_thread(_measure, turns)


def _measure(turns: int) -> list[Row]:
    spent: dict[str, list[float]] = {"old": [], "new": []}
    with checkout(OLD) as old:
        arms = {"new": ROOT, "old": old} if old else {"new": ROOT}
        for turn in range(turns):
            progress(f"{_CALLS} calls at once: turn {turn + 1} of {turns}")
            for arm in arms if turn % 2 else reversed(arms):
                spent[arm].append(run(arms[arm], _CALLS))
    progress(f"{_MANY} calls at once")
    shares: list[float] = []
    try:
        many = run(ROOT, _MANY)
        if spent["old"]:
            shares.append(many / statistics.median(spent["old"]))
        ended = f"{many:.0f} ms of CPU time a call"
    except RuntimeError as error:
        ended = str(error)
    ratios = [new / old for new, old in zip(spent["new"], spent["old"], strict=False)]
    note = f"{statistics.median(spent['new']):.0f} ms a call; {absent(OLD)}"
    if ratios:
        new, before = (statistics.median(spent[arm]) for arm in ("new", "old"))
        note = f"{new:.0f} against {before:.0f} ms of CPU time a call, mock and phone included"
    return [
        Row(
            id="K8",
            what=f"{_CALLS} calls of 60 s at once in virtual time through the in-process mock, now / at {OLD}",
            value=middle(ratios),
            floor=1.1,
            turns=ratios,
            note=note,
            enforced=bool(ratios),
        ),
        Row(
            id="K8.many",
            what=f"the same, a call of {_MANY} now / a call of {_CALLS} at {OLD}",
            value=middle(shares),
            goal=0.19,
            turns=shares,
            note=ended,
            enforced=False,
        ),
    ]


def run(version: Path, calls: int) -> float:
    """The CPU time of one call of many, in milliseconds.

    Raises:
        RuntimeError: the process failed or took too long, or a call was not answered, or somebody missed audio.
    """
    command = [sys.executable, str(_SCRIPT), str(version), str(calls)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{calls} calls did not end within {_TIMEOUT_S} s") from None
    if done.returncode:
        raise RuntimeError(f"the process for {version} failed:\n{done.stderr}")
    told: dict[str, float] = json.loads(done.stdout)
    if told["answered"] != calls or min(told["least_heard"], told["least_there"]) < 2_990:
        raise RuntimeError(f"calls lack audio: {told}")
    return told["ms"]
