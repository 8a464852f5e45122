"""Ten calls at once, ours and bare aiortc's: CPU (G2), memory (G14) and threads (G15) per call.

Ours are whole calls of a `Phone`, each to a PCM callee behind the relay; theirs are peer connections with a track to
send and one to drain. In each process a call is placed and ended, and free memory given back, before anything is
counted: what is loaded once is not charged to the calls, and what it left over does not serve them.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import HAS_PROC, SETTLE_S, middle, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from tests.bench.method import Turns, Usage

CALLS: Final = 10
_COUNTED_S: Final = 5.0
_RATE_HZ: Final = 16_000
OURS, BARE = "offhook", "aiortc"


@dataclass(frozen=True, slots=True)
class End:
    """One process: before the calls, when they had settled, after the count."""

    idle: Usage
    before: Usage
    after: Usage

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per second and call."""
        return self.after.cpu_ms_per_s(self.before) / CALLS

    @property
    def megabytes(self) -> float:
        """Memory per call."""
        return (self.after.rss_bytes - self.idle.rss_bytes) / CALLS / 1e6

    @property
    def threads(self) -> float:
        """Threads per call."""
        return (self.after.threads - self.idle.threads) / CALLS


@dataclass(frozen=True, slots=True)
class Both:
    """One arm of a turn: the process that calls, the process that is called."""

    near: End
    far: End

    @property
    def rates(self) -> list[float]:
        """Frames that applications received, per second and call."""
        return [end.after.rate(end.before) for end in (self.near, self.far)]

    @property
    def megabytes(self) -> float:
        """Memory per call, both ends."""
        return self.near.megabytes + self.far.megabytes


async def _run(far_role: str, near_role: str) -> Both:
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing(far_role))
        near = await stack.enter_async_context(Worker.playing(near_role))
        places = await far.places(calls=CALLS, callees=True, timed=False, rate_hz=_RATE_HZ)
        await near.ask("open", places=places[:1], timed=False)
        await asyncio.sleep(0.5)
        await near.ask("close")
        for worker in (near, far):
            await worker.ask("trim")
        idle = await near.usage(), await far.usage()
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(SETTLE_S)
        before = await near.usage(), await far.usage()
        await asyncio.sleep(_COUNTED_S)
        after = await near.usage(), await far.usage()
        ends = [End(*readings) for readings in zip(idle, before, after, strict=True)]
        return Both(*ends)


async def measure(turns: int) -> list[Row]:
    """G2, G14 and G15 from the same turns. Memory and threads do not depend on frames that are missing."""
    taken = await take_turns(
        f"{CALLS} calls",
        {
            OURS: lambda: _run("offhook-relay", "offhook-calls"),
            BARE: lambda: _run("aiortc-answerer", "aiortc-calls"),
        },
        turns,
    )
    rows = [_cpu(taken, "G2", "near"), _cpu(taken, "G2.far", "far")]
    return rows + ([_memory(taken), _threads(taken)] if HAS_PROC else [])


def _cpu(taken: Turns[Both], name: str, side: str) -> Row:
    def cost(both: Both) -> float:
        return (both.near if side == "near" else both.far).cpu_ms

    who = "the process that calls" if side == "near" else "the process called (ours: relay and callee)"
    turns = taken.each(lambda arms: ratio(cost(arms[OURS]), cost(arms[BARE])))
    ours, bare = taken.median_of(OURS, cost), taken.median_of(BARE, cost)
    return Row(
        id=name,
        what=f"CPU per call at {CALLS} calls, {who}",
        value=middle(turns),
        floor=1.05,
        goal=0.38,
        turns=turns,
        void=taken.void,
        note=f"{ours:.1f} against {bare:.1f} ms per second of a call; 16 kHz source, both directions",
        enforced=False,
    )


def _memory(taken: Turns[Both]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[OURS].megabytes, arms[BARE].megabytes), even_void=True)
    sizes = [
        f"{taken.median_of(arm, lambda both: both.near.megabytes, even_void=True):.2f} +"
        f" {taken.median_of(arm, lambda both: both.far.megabytes, even_void=True):.2f}"
        for arm in (OURS, BARE)
    ]
    return Row(
        id="G14",
        what=f"memory per call at {CALLS} calls, both ends",
        value=middle(turns),
        floor=1.1,
        goal=0.78,
        turns=turns,
        note=f"resident: {sizes[0]} against {sizes[1]} MB, the process that calls + the one that is called",
        enforced=False,
    )


def _threads(taken: Turns[Both]) -> Row:
    turns = taken.each(lambda arms: arms[OURS].near.threads - arms[BARE].near.threads, even_void=True)
    ours, bare = (taken.median_of(arm, lambda both: both.near.threads, even_void=True) for arm in (OURS, BARE))
    return Row(
        id="G15",
        what="threads per call that offhook adds to bare aiortc's, the process that calls",
        value=middle(turns),
        unit="threads",
        floor=0,
        goal=-1,
        turns=turns,
        note=f"{ours:.1f} against {bare:.1f} per call, native threads included",
    )
