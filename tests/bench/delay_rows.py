"""Delay from application to application (G7), and what one lost packet leaves of it for good (G8)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import delays_ms, median, middle, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row
from tests.bench.voice import PERIOD_S

if TYPE_CHECKING:
    from tests.bench.method import Turns
    from tests.bench.process import Times

#: Of ours half are bare legs and half whole calls.
_CALLS: Final = 4
_SETTLE_S: Final = 2.0
_COUNTED_S: Final = 2.0
#: A packet is lost; the delay is looked at around 5 s later.
_AFTER_LOSS_S: Final = 4.0
OURS, BARE = "offhook", "aiortc"


@dataclass(frozen=True, slots=True)
class Delays:
    """One arm of a turn; lists are milliseconds for each burst.

    Attributes:
        up: before the loss, from the process that calls to the one that is called.
        down: before the loss, the other way.
        up_after: 4 to 6 s after the loss, which was in this direction.
        call_up: of whole calls, from a live source that is played to the callee; empty for bare aiortc.
        call_down: of whole calls, from the callee to ``async for frame in call.audio()``.
    """

    up: list[float]
    down: list[float]
    up_after: list[float]
    call_up: list[float]
    call_down: list[float]
    rates: list[float]

    @property
    def both(self) -> float:
        """Mean of the two directions' medians."""
        return (median(self.up) + median(self.down)) / 2

    @property
    def call_both(self) -> float:
        """Mean of the two directions' medians, of whole calls."""
        return (median(self.call_up) + median(self.call_down)) / 2

    @property
    def left(self) -> float:
        """What the loss has left."""
        return median(self.up_after) - median(self.up)


def _matched(talkers: Times, listeners: Times) -> list[float]:
    return [
        delay
        for (sent, _), (_, heard) in zip(talkers, listeners, strict=True)
        for delay in delays_ms(sent, heard, PERIOD_S)
    ]


async def _run(far_role: str, near_roles: list[str], rate_hz: int) -> Delays:
    """Place calls from a process for each near role, and lose a packet of each call of the first one."""
    share = _CALLS // len(near_roles)
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing(far_role))
        nears = [await stack.enter_async_context(Worker.playing(role)) for role in near_roles]
        workers = [far, *nears]
        places = await far.places(calls=_CALLS, callees=True, timed=True, rate_hz=rate_hz)
        for number, near in enumerate(nears):
            await near.ask("open", places=places[number * share : (number + 1) * share], timed=True)
        await asyncio.sleep(_SETTLE_S)
        rates: list[float] = []
        spans: list[list[Times]] = []
        for span in range(2):
            if span:
                await nears[0].ask("drop")
                await asyncio.sleep(_AFTER_LOSS_S)
            for worker in workers:
                await worker.times()
            before = [await worker.usage() for worker in workers]
            await asyncio.sleep(_COUNTED_S)
            rates += [(await worker.usage()).rate(reading) for worker, reading in zip(workers, before, strict=True)]
            spans.append([await worker.times() for worker in workers])
    (far_before, first_before, *calls_before), (far_after, first_after, *_) = spans
    calls = calls_before[0] if calls_before else []
    return Delays(
        up=_matched(first_before, far_before[:share]),
        down=_matched(far_before[:share], first_before),
        up_after=_matched(first_after, far_after[:share]),
        call_up=_matched(calls, far_before[share:]) if calls else [],
        call_down=_matched(far_before[share:], calls) if calls else [],
        rates=rates,
    )


async def measure(turns: int) -> list[Row]:
    """G7 and G8 from the same turns."""
    taken = await take_turns(
        f"delay, {_CALLS} calls",
        {
            OURS: lambda: _run("offhook-relay", ["offhook-legs", "offhook-calls"], 16_000),
            # Its best case: from 16 kHz its resampler would hold back a frame more.
            BARE: lambda: _run("aiortc-answerer", ["aiortc-calls"], 48_000),
        },
        turns,
    )
    return [_delay(taken), _call_delay(taken), _loss(taken)]


def _delay(taken: Turns[Delays]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[OURS].both, arms[BARE].both))
    up, down, bare = (
        taken.median_of(OURS, lambda arm: median(arm.up)),
        taken.median_of(OURS, lambda arm: median(arm.down)),
        taken.median_of(BARE, lambda arm: arm.both),
    )
    return Row(
        id="G7",
        what="delay from frame handed to the leg to frame in the application, nothing lost",
        value=middle(turns),
        floor=1.0,
        goal=0.015,
        turns=turns,
        void=taken.void,
        note=(
            f"{up:.2f} ms up and {down:.2f} ms down against {bare:.1f} ms; relay and PCM callee in the other process;"
            " aiortc from a 48 kHz source, its best case"
        ),
    )


def _call_delay(taken: Turns[Delays]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[OURS].call_both, arms[BARE].both))
    up, down = (
        taken.median_of(OURS, lambda arm: median(arm.call_up)),
        taken.median_of(OURS, lambda arm: median(arm.call_down)),
    )
    return Row(
        id="G7.call",
        what="the same of a whole call, from a live source in call.play() and to call.audio()",
        value=middle(turns),
        floor=1.0,
        turns=turns,
        void=taken.void,
        note=(
            f"mean of both directions: {up:.2f} ms up, nearly all of it the wait for the pacer's next tick (0 to 20 ms;"
            f" the sources are set off by a quarter and three quarters of it), and {down:.2f} ms down"
        ),
    )


def _loss(taken: Turns[Delays]) -> Row:
    # Whole milliseconds: two medians of the very same delay differ by some hundredths.
    turns = taken.each(lambda arms: ratio(round(arms[OURS].left), round(arms[BARE].left)))
    theirs = taken.each(lambda arms: arms[BARE].left)
    before, after = (
        taken.median_of(OURS, lambda arm: median(arm.up)),
        taken.median_of(OURS, lambda arm: median(arm.up_after)),
    )
    return Row(
        id="G8",
        what="delay that is left 5 s after one lost packet",
        value=middle(turns),
        floor=0.1,
        goal=0,
        turns=turns,
        void=taken.void,
        note=(
            f"{before:.2f} ms before, {after:.2f} ms after; bare aiortc's grows by"
            f" {', '.join(f'{value:.0f}' for value in theirs)} ms"
        ),
    )
