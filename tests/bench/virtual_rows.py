"""K6: the CPU time of a call of a minute in virtual time, against a version of offhook from before.

The old version is a commit of this repository, checked out into a folder that is removed afterwards. Both run in
processes of their own, in turns. Without that commit, as in a shallow clone, the row says so.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench.checkouts import ROOT, absent, checkout
from tests.bench.method import middle, progress
from tests.bench.table import Row

#: The last commit before calls in virtual time were made cheaper.
OLD: Final = "cf70829"
_SCRIPT: Final = Path(__file__).with_name("virtual_call.py")
_CALLS: Final = 4
_PAIRS_PER_TURN: Final = 3


async def measure(turns: int) -> list[Row]:
    """K6, from three pairs of processes for each turn."""
    return await asyncio.to_thread(_measure, turns * _PAIRS_PER_TURN)


def _measure(pairs: int) -> list[Row]:
    ratios: list[float] = []
    spent: dict[str, list[float]] = {"old": [], "new": []}
    with checkout(OLD) as old:
        for pair in range(pairs if old else 0):
            progress(f"virtual calls: pair {pair + 1} of {pairs}")
            order = ("old", "new") if pair % 2 else ("new", "old")
            answers = {arm: _run(old if old and arm == "old" else ROOT) for arm in order}
            if answers["old"]["heard"] != answers["new"]["heard"]:
                raise RuntimeError(f"the versions heard different things: {answers}")
            for arm in order:
                spent[arm].append(statistics.median(answers[arm]["ms"]))
            ratios.append(spent["new"][-1] / spent["old"][-1])
    note = absent(OLD)
    if ratios:
        new, before = (statistics.median(spent[arm]) for arm in ("new", "old"))
        note = f"{new:.0f} against {before:.0f} ms of CPU time, mock and phone included; everything heard is the same"
    return [
        Row(
            id="K6",
            what=f"a 60 s call in virtual time through the in-process mock, now / at {OLD}",
            value=middle(ratios),
            floor=0.5,
            goal=0.4,
            turns=ratios,
            note=note,
            enforced=bool(ratios),
        )
    ]


def _run(version: Path) -> dict[str, list[float]]:
    command = [sys.executable, str(_SCRIPT), str(version), str(_CALLS)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"the process for {version} failed:\n{run.stderr}")
    answer: dict[str, list[float]] = json.loads(run.stdout)
    return answer
