"""R1, R2: the relay's CPU time for a packet at real sockets, against a version from before.

Two clients in each channel send packets that were encoded beforehand. The relay is alone in its process. The clients
are of this version in both arms, so only the relay differs.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.bench.checkouts import BEFORE_MANY_CALLS as OLD
from tests.bench.checkouts import ROOT, absent, checkout
from tests.bench.method import SETTLE_S, middle, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row
from tests.bench.voice import FRAMES_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.method import Turns, Usage

_COUNTED_S: Final = 4.0
#: A turn is void when more packets than this share are missing.
_MOST_OFF: Final = 0.1
NEW, BEFORE = "now", "before"
_CALLS: Final = {"R1": 25, "R2": 50}


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One arm of a turn.

    Attributes:
        packet_us: microseconds of the relay's CPU time for a packet that was received.
        rate: packets received, per second and client.
    """

    packet_us: float
    rate: float

    @property
    def rates(self) -> list[float]:
        """The rate, unless it is near enough: the cost is that of each packet, however many there were."""
        return [self.rate] if abs(self.rate - FRAMES_PER_S) > _MOST_OFF * FRAMES_PER_S else []


def forwarded(far: tuple[Usage, Usage], near: tuple[Usage, Usage]) -> Forwarded:
    """What two readings of the relay, and of the process with the clients, say."""
    packets = near[1].frames - near[0].frames
    return Forwarded((far[1].cpu_s - far[0].cpu_s) * 1e6 / max(1, packets), near[1].rate(near[0]))


async def run(version: Path, calls: int, counted_s: float = _COUNTED_S) -> Forwarded:
    """Load the relay of a version with calls."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("offhook-relay", version))
        near = await stack.enter_async_context(Worker.playing("packets"))
        places = await far.places(calls=calls, callees=False, timed=False)
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(SETTLE_S)
        before = await far.usage(), await near.usage()
        await asyncio.sleep(counted_s)
        after = await far.usage(), await near.usage()
    return forwarded((before[0], after[0]), (before[1], after[1]))


async def measure(turns: int) -> list[Row]:
    """R1 and R2."""
    rows: list[Row] = []
    with checkout(OLD) as old:
        for name, calls in _CALLS.items():
            arms = {NEW: partial(run, ROOT, calls)}
            if old:
                arms[BEFORE] = partial(run, old, calls)
            rows.append(_row(name, calls, await take_turns(f"relay at sockets, {calls} calls", arms, turns), old))
    return rows


def _row(name: str, calls: int, taken: Turns[Forwarded], old: Path | None) -> Row:
    new_us = taken.median_of(NEW, lambda arm: arm.packet_us)
    turns: list[float] = []
    note = f"{new_us:.1f} µs a packet; {absent(OLD)}"
    if old:
        turns = taken.each(lambda arms: ratio(arms[NEW].packet_us, arms[BEFORE].packet_us))
        note = f"{new_us:.1f} against {taken.median_of(BEFORE, lambda arm: arm.packet_us):.1f} µs a packet"
    return Row(
        id=name,
        what=f"the mock's relay at real sockets, CPU per packet at {calls} calls, now / at {OLD}",
        value=middle(turns),
        floor=1.1,
        goal=0.6,
        turns=turns,
        void=taken.void,
        note=f"{note}; two clients a call, {2 * calls * FRAMES_PER_S:,} packets per second",
        enforced=bool(turns),
    )
