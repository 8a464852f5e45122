"""What a child process adds to the delay of audio (A2), and how many calls one child can carry (A5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from tests.bench.agora_rows import readings
from tests.bench.agora_sdk import staged
from tests.bench.method import SETTLE_S, delays_ms, median, middle, percentile, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.round_trip import round_trips_ms
from tests.bench.table import Row
from tests.bench.voice import PERIOD_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.bench.method import Turns

CHILD, INLINE, TRIP = "child", "inline", "round trip"
_ROLES: Final = {CHILD: "agora-child-stamps", INLINE: "agora-inline-stamps"}
UP, DOWN = "up", "down"
#: Legs whose frames cross, for A2.
_LEGS: Final = 4
_COUNTED_S: Final = 5.0
#: Legs in one child, for A5.
SHARES: Final = (1, 5, 10, 20, 50)
_SHARE_COUNTED_S: Final = 5.0
#: What counts as a frame that was lost on the side that calls, of the names in `Leg.counters`.
_DROPS: Final = (
    "frames_dropped",
    "sdk_frames_dropped",
    "sdk_frames_dropped_on_the_way",
    "sdk_frames_lost",
    "sdk_frames_refused",
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """One arm of a turn: milliseconds of each frame between the program's loop and the engine of the SDK."""

    up: list[float]
    down: list[float]
    rates: list[float]


@dataclass(frozen=True, slots=True)
class Shared:
    """One arm of a turn: several legs in a child.

    Attributes:
        up: milliseconds of each burst from the leg to the callee.
        down: the same from the callee to the leg.
        child_cpu: share of a core that the child took.
        parent_cpu: the same of the program.
        drops: frames that the program, the pipe or the engine dropped, and those that the SDK did not take.
        underruns: how often the SDK had nothing left to play.
        heard: frames per second and leg that the program received.
    """

    up: list[float]
    down: list[float]
    child_cpu: float
    parent_cpu: float
    drops: int
    underruns: int
    heard: float

    @property
    def rates(self) -> list[float]:
        """None: what a child cannot carry is a result here, and not a void turn."""
        return []


async def _cross(role: str, settings: Mapping[str, str]) -> Crossing:
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("offhook-relay"))
        near = await stack.enter_async_context(Worker.playing(role, settings=settings))
        places = await far.places(calls=_LEGS, callees=True, timed=False)
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(SETTLE_S)
        await near.ask("crossed")
        before = await near.usage()
        await asyncio.sleep(_COUNTED_S)
        rate = (await near.usage()).rate(before)
        up, down = cast("tuple[list[float], list[float]]", await near.ask("crossed"))
        return Crossing(up, down, [rate])


async def _trip() -> Crossing:
    times = await round_trips_ms()
    return Crossing(times, times, [])


async def _share(legs: int, settings: Mapping[str, str]) -> Shared:
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("offhook-relay"))
        near = await stack.enter_async_context(Worker.playing("agora-child-legs", settings=settings))
        places = await far.places(calls=legs, callees=True, timed=True)
        await near.ask("open", places=places, timed=True)
        await asyncio.sleep(SETTLE_S)
        for worker in (near, far):
            await worker.times()
        counts = await _counters(near)
        before = await readings(near, children=True)
        await asyncio.sleep(_SHARE_COUNTED_S)
        after = await readings(near, children=True)
        spent = await _counters(near)
        spent.subtract(counts)
        mine, theirs = await near.times(), await far.times()
    up: list[float] = []
    down: list[float] = []
    for (sent, heard), (their_sent, their_heard) in zip(mine, theirs, strict=True):
        up += delays_ms(sent, their_heard, PERIOD_S)
        down += delays_ms(their_sent, heard, PERIOD_S)
    parent_cpu, child_cpu = (b.cpu_ms_per_s(a) / 1000 for a, b in zip(before, after, strict=True))
    drops = sum(spent[name] for name in _DROPS)
    return Shared(up, down, child_cpu, parent_cpu, drops, spent["sdk_underruns"], after[0].rate(before[0]))


async def _counters(near: Worker) -> Counter[str]:
    return Counter(cast("dict[str, int]", await near.ask("counters")))


async def measure(turns: int) -> list[Row]:
    """A2; nothing where the SDK folder cannot be made."""
    async with staged("A2") as settings:
        if settings is None:
            return []
        arms: dict[str, Callable[[], Awaitable[Crossing]]] = {TRIP: _trip}
        arms.update({arm: partial(_cross, role, settings) for arm, role in _ROLES.items()})
        crossings = await take_turns(f"Agora's SDK, delay of {_LEGS} legs", arms, turns)
        return [
            _added(crossings, "A2.up", UP, 0.5, 2),
            _added(crossings, "A2.up.p99", UP, 0.99, 10),
            _added(crossings, "A2.down", DOWN, 0.5, 2),
            _added(crossings, "A2.down.p99", DOWN, 0.99, 10),
        ]


async def measure_shares(turns: int) -> list[Row]:
    """A5; nothing where the SDK folder cannot be made."""
    async with staged("A5") as settings:
        if settings is None:
            return []
        shares = await take_turns(
            "Agora's SDK, legs in a child", {str(legs): partial(_share, legs, settings) for legs in SHARES}, turns
        )
        return [_carried(shares, legs) for legs in SHARES]


def _added(taken: Turns[Crossing], name: str, way: str, share: float, goal: float) -> Row:
    def delay(crossing: Crossing) -> float:
        return percentile(crossing.up if way == UP else crossing.down, share)

    turns = taken.each(lambda arms: ratio(delay(arms[CHILD]) - delay(arms[INLINE]), delay(arms[TRIP])))
    child, inline, trip = (taken.median_of(arm, delay) for arm in (CHILD, INLINE, TRIP))
    frames = sum(len(arm.up if way == UP else arm.down) for arm in taken.all_of(CHILD))
    what = "median" if share == 0.5 else f"p{share * 100:.0f}"
    return Row(
        id=name,
        what=f"delay that the child process adds / a datagram's round trip to an asyncio program, {way}, {what}",
        value=middle(turns),
        goal=goal,
        turns=turns,
        void=taken.void,
        note=(
            f"{child:.3f} against {inline:.3f} ms between the program's loop and the engine, {_LEGS} legs,"
            f" {frames} frames; round trip: {trip:.3f} ms"
        ),
        enforced=False,
    )


def _carried(taken: Turns[Shared], legs: int) -> Row:
    arm, alone = str(legs), str(SHARES[0])

    def both(share: float, shared: Shared) -> float:
        return percentile(shared.up, share) + percentile(shared.down, share)

    turns = taken.each(lambda arms: ratio(both(0.99, arms[arm]), both(0.5, arms[alone])))
    up, down = (
        taken.median_of(arm, lambda shared: median(shared.up)),
        taken.median_of(arm, lambda shared: median(shared.down)),
    )
    up_99, down_99 = (
        taken.median_of(arm, lambda shared: percentile(shared.up, 0.99)),
        taken.median_of(arm, lambda shared: percentile(shared.down, 0.99)),
    )
    child, parent = (
        taken.median_of(arm, lambda shared: shared.child_cpu),
        taken.median_of(arm, lambda shared: shared.parent_cpu),
    )
    drops, underruns, heard = (
        taken.median_of(arm, lambda shared: shared.drops),
        taken.median_of(arm, lambda shared: shared.underruns),
        taken.median_of(arm, lambda shared: shared.heard),
    )
    together = f"{legs} legs" if legs > 1 else "1 leg"
    return Row(
        id=f"A5.{legs}",
        what=f"delay there and back, p99, with {together} in a child / the median with one",
        value=middle(turns),
        turns=turns,
        void=taken.void,
        note=(
            f"{up:.1f} ms up (p99 {up_99:.1f}), {down:.1f} ms down (p99 {down_99:.1f}); child {child:.0%} of a core,"
            f" program {parent:.0%}; {drops:.0f} frames dropped, {underruns:.0f} underruns,"
            f" {heard:.2f} frames/s heard"
        ),
        enforced=False,
    )
