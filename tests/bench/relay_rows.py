"""The relay: its CPU beside one built on aiortc's `MediaRelay` (G3), and the delay it adds to a direct call (G6)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import SETTLE_S, delays_ms, middle, percentile, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.round_trip import round_trips_ms
from tests.bench.table import Row
from tests.bench.voice import PERIOD_S

if TYPE_CHECKING:
    from tests.bench.method import Turns
    from tests.bench.process import Place

CALLS: Final = 5
_COUNTED_S: Final = 5.0
OURS, DECODING, DIRECT, TRIP = "forwarding", "MediaRelay", "direct", "round trip"


@dataclass(frozen=True, slots=True)
class Relayed:
    """One arm of a turn.

    Attributes:
        cpu_ms: the relay's CPU milliseconds per second and call.
        delays_ms: from frame handed over to frame heard, both directions of all calls.
    """

    cpu_ms: float
    delays_ms: list[float]
    rates: list[float]


async def _run(far_role: str | None, near_role: str) -> Relayed:
    async with contextlib.AsyncExitStack() as stack:
        near = await stack.enter_async_context(Worker.playing(near_role))
        # Without a relay there is a process that does nothing, for the parent to ask the same of.
        far = await stack.enter_async_context(Worker.playing(far_role)) if far_role else near
        places: list[Place] = [{}] * CALLS
        if far_role:
            places = await far.places(calls=CALLS, callees=False, timed=False, rate_hz=16_000)
        await near.ask("open", places=places, timed=True)
        await asyncio.sleep(SETTLE_S)
        await near.times()
        before = await far.usage(), await near.usage()
        await asyncio.sleep(_COUNTED_S)
        after = await far.usage(), await near.usage()
        times = await near.times()
    delays: list[float] = []
    for first, second in zip(times[::2], times[1::2], strict=True):
        for talker, listener in ((first, second), (second, first)):
            delays += delays_ms(talker[0], listener[1], PERIOD_S)
    return Relayed(after[0].cpu_ms_per_s(before[0]) / CALLS, delays, [after[1].rate(before[1])])


async def _trip() -> Relayed:
    return Relayed(0, await round_trips_ms(), [])


async def measure(turns: int) -> list[Row]:
    """G3 and G6 from the same turns."""
    taken = await take_turns(
        f"relay, {CALLS} calls",
        {
            OURS: lambda: _run("offhook-relay", "offhook-pairs"),
            DIRECT: lambda: _run(None, "offhook-direct"),
            TRIP: _trip,
            DECODING: lambda: _run("aiortc-relay", "aiortc-pairs"),
        },
        turns,
    )
    return [_cpu(taken), _added(taken, "G6", 0.5, floor=5, goal=1), _added(taken, "G6.p99", 0.99, floor=10, goal=2)]


def _cpu(taken: Turns[Relayed]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[OURS].cpu_ms, arms[DECODING].cpu_ms))
    ours, theirs = (taken.median_of(arm, lambda relayed: relayed.cpu_ms) for arm in (OURS, DECODING))
    return Row(
        id="G3",
        what=f"relay CPU at {CALLS} calls, ours / one built on aiortc's MediaRelay",
        value=middle(turns),
        floor=0.15,
        goal=0.09,
        turns=turns,
        void=taken.void,
        note=f"{ours:.1f} against {theirs:.1f} ms per second of a call; the same Opus packets go into both",
    )


def _added(taken: Turns[Relayed], name: str, share: float, *, floor: float, goal: float) -> Row:
    def delay(relayed: Relayed) -> float:
        return percentile(relayed.delays_ms, share)

    turns = taken.each(lambda arms: ratio(delay(arms[OURS]) - delay(arms[DIRECT]), delay(arms[TRIP])))
    through, direct, trip = (taken.median_of(arm, delay) for arm in (OURS, DIRECT, TRIP))
    bursts = sum(len(relayed.delays_ms) for relayed in taken.all_of(OURS))
    what = "median" if share == 0.5 else f"p{share * 100:.0f}"
    return Row(
        id=name,
        what=f"delay that the relay adds to a direct call / a datagram's round trip to an asyncio program, {what}",
        value=middle(turns),
        floor=floor,
        goal=goal,
        turns=turns,
        void=taken.void,
        note=(
            f"{through:.2f} against {direct:.2f} ms between applications, {bursts} bursts; direct: the same two peers;"
            f" round trip: {trip:.2f} ms"
        ),
        enforced=share == 0.5,  # what else the machine does shows in the others
    )
