"""L1: what the mock's own API costs, against a bare Starlette route on the same server."""

from __future__ import annotations

import asyncio
import statistics
from typing import Final

from tests.bench.method import progress
from tests.bench.serving import ARMS, Serving
from tests.bench.table import Row

REQUEST: Final = "GET /api/lines"
_ROUNDS: Final = 250
_ROUNDS_PER_TURN: Final = 3


async def measure(turns: int) -> list[Row]:
    """L1: for each turn three times 2,000 requests to each arm, one arm after the other."""
    return await asyncio.to_thread(_measure, turns * _ROUNDS_PER_TURN)


def _measure(rounds: int) -> list[Row]:
    progress(f"{REQUEST}: {rounds} turns of {_ROUNDS} requests on each connection")
    spent_us: dict[str, list[float]] = {arm: [] for arm in ARMS}
    with Serving(REQUEST) as serving:
        for arm in ARMS:  # fills the mock's journal, and warms up both
            for _ in range(6):
                serving.spend_us(arm, _ROUNDS)
        for turn in range(rounds):
            for arm in ARMS if turn % 2 else reversed(ARMS):
                spent_us[arm].append(serving.spend_us(arm, _ROUNDS))
    ratios = [ours / bare for ours, bare in zip(spent_us["mock"], spent_us["bare"], strict=True)]
    ours, bare = (statistics.median(spent_us[arm]) for arm in ARMS)
    return [
        Row(
            id="L1",
            what="GET /api/lines of the mock",
            value=statistics.median(ratios),
            floor=1.2,
            turns=ratios,
            note=(
                f"{ours:.0f} against {bare:.0f} µs of the server's CPU time a request. In ours: the guard, the keys, an"
                " entry in a journal that is full. In theirs: a bare Starlette route. Both on the mock's server"
            ),
        )
    ]
