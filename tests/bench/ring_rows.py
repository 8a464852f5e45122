"""S3: what a start-call that rings costs the mock, against a bare Starlette route; and one that rings and ends.

A callee rings for two seconds, and nobody joins. Each version has a process of its own, with its mock and the bare
routes on the same server; only ratios within a process are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from typing import TYPE_CHECKING, Final

from tests.bench.checkouts import BEFORE_MANY_CALLS as OLD
from tests.bench.checkouts import absent, checkout
from tests.bench.method import progress
from tests.bench.serving import ARMS, BARE, MOCK, Serving
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST: Final = "POST /facetime/start-call"
#: So few that they are over before the first call stops ringing.
_ROUNDS: Final = 40
_PAIRS_PER_TURN: Final = 2
NEW, BEFORE = "now", "before"


async def measure(turns: int) -> list[Row]:
    """S3 and S3.end; each turn has two pairs of each."""
    return await asyncio.to_thread(_measure, turns * _PAIRS_PER_TURN)


def _measure(pairs: int) -> list[Row]:
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(checkout(OLD))
        versions = {NEW: stack.enter_context(Serving(REQUEST))}
        if old:
            versions[BEFORE] = stack.enter_context(Serving(REQUEST, old))
        for serving in versions.values():
            for arm in ARMS:
                serving.spend_us(arm, _ROUNDS, ends=True)
        rings, ends = (_take(versions, pairs, ends=ends) for ends in (False, True))
    return [
        _row("S3", "a start-call that rings", rings, 4, 1.5),
        _row("S3.end", "a start-call, the ringing and the end of the call", ends, 8, None),
    ]


def _take(versions: Mapping[str, Serving], pairs: int, *, ends: bool) -> dict[str, dict[str, list[float]]]:
    """Microseconds of a request, by version and arm."""
    spent_us: dict[str, dict[str, list[float]]] = {name: {arm: [] for arm in ARMS} for name in versions}
    for pair in range(pairs):
        progress(f"{REQUEST}{', with its end' if ends else ''}: pair {pair + 1} of {pairs}")
        for name, serving in versions.items():
            for arm in ARMS if pair % 2 else reversed(ARMS):
                spent_us[name][arm].append(serving.spend_us(arm, _ROUNDS, ends=ends))
    return spent_us


def _row(
    name: str, what: str, spent_us: Mapping[str, Mapping[str, list[float]]], floor: float, goal: float | None
) -> Row:
    ratios = _ratios(spent_us[NEW])
    ours, bare = (statistics.median(spent_us[NEW][arm]) for arm in (MOCK, BARE))
    before = absent(OLD) if BEFORE not in spent_us else f"{statistics.median(_ratios(spent_us[BEFORE])):.2f} at {OLD}"
    return Row(
        id=name,
        what=f"{what}, CPU of the mock / of a bare Starlette route on the same server",
        value=statistics.median(ratios),
        floor=floor,
        goal=goal,
        turns=ratios,
        note=f"{ours:.0f} against {bare:.0f} µs of the server's CPU time; {before}",
    )


def _ratios(spent_us: Mapping[str, list[float]]) -> list[float]:
    return [ours / bare for ours, bare in zip(spent_us[MOCK], spent_us[BARE], strict=True)]
