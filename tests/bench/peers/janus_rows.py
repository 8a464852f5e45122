"""P1: the CPU time of a forwarded packet, in the mock's relay and in Janus.

Janus' EchoTest plugin sends each packet back to whom it is from: like forwarding in a room of two, one packet comes and
one goes. The clients and their packets are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.bench.checkouts import ROOT
from tests.bench.method import SETTLE_S, middle, ratio, take_turns, usage_of
from tests.bench.peers.janus_server import janus
from tests.bench.port_rows import Forwarded, forwarded, run
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from tests.bench.method import Turns

_COUNTED_S: Final = 4.0
_CALLS: Final = {"P1": 25, "P1.50": 50}
OURS, THEIRS = "offhook", "Janus"


async def run_janus(calls: int, counted_s: float = _COUNTED_S) -> Forwarded:
    """Load Janus with as many streams as there are in so many calls."""
    async with contextlib.AsyncExitStack() as stack:
        pid, port = stack.enter_context(janus())
        near = await stack.enter_async_context(Worker.playing("janus-packets"))
        await near.ask("open", places=[{"port": port}] * calls, timed=False)
        await asyncio.sleep(SETTLE_S)
        before = usage_of(pid), await near.usage()
        await asyncio.sleep(counted_s)
        after = usage_of(pid), await near.usage()
    return forwarded((before[0], after[0]), (before[1], after[1]))


async def measure(turns: int) -> list[Row]:
    """P1 and P1.50."""
    return [
        _row(
            name,
            calls,
            await take_turns(
                f"relays, {calls} calls", {OURS: partial(run, ROOT, calls), THEIRS: partial(run_janus, calls)}, turns
            ),
        )
        for name, calls in _CALLS.items()
    ]


def _row(name: str, calls: int, taken: Turns[Forwarded]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[OURS].packet_us, arms[THEIRS].packet_us))
    ours, theirs = (taken.median_of(arm, lambda forwarded: forwarded.packet_us) for arm in (OURS, THEIRS))
    return Row(
        id=name,
        what=f"CPU per forwarded packet at {calls} calls, the mock's relay / Janus",
        value=middle(turns),
        goal=0.5,
        turns=turns,
        void=taken.void,
        note=f"{ours:.1f} against {theirs:.1f} µs a packet; Janus with its EchoTest plugin",
        enforced=False,
    )
