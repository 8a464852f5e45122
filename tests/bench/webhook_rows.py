"""Webhooks while ten calls are up through the relay (W1): how fast they are delivered, and what the calls notice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from tests.bench.calibration import calibration_s
from tests.bench.method import SETTLE_S, delays_ms, middle, percentile, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row
from tests.bench.voice import PERIOD_S

if TYPE_CHECKING:
    from tests.bench.method import Turns

CALLS: Final = 10
#: What must be delivered in each second, for how long, and what is sent at once to see how fast it can be.
PER_S: Final = 500
_COUNTED_S: Final = 5.0
_AT_ONCE: Final = 3000
QUIET, SENDING = "no webhooks", f"{PER_S} webhooks/s"


@dataclass(frozen=True, slots=True)
class Heard:
    """One arm of a turn.

    Attributes:
        delays_ms: from frame handed over to frame heard, both directions of all calls.
        rates: frames received per second and stream.
        flood_s: how long it took to deliver those that were sent at once; 0 where none were.
        piece_s: how long a fixed piece of Python took right afterwards.
    """

    delays_ms: list[float]
    rates: list[float]
    flood_s: float
    piece_s: float


async def _run(per_s: int) -> Heard:
    async with contextlib.AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(Worker.playing("webhook-receiver"))
        far = await stack.enter_async_context(Worker.playing("offhook-webhooks"))
        near = await stack.enter_async_context(Worker.playing("offhook-calls"))
        await far.ask("register", port=await receiver.ask("listen"))
        places = await far.places(calls=CALLS, callees=True, timed=True, rate_hz=16_000)
        await near.ask("open", places=places, timed=True)
        await asyncio.sleep(SETTLE_S)
        for worker in (near, far):
            await worker.times()
        before = await near.usage(), await far.usage()
        if per_s:
            await far.ask("send", count=int(per_s * _COUNTED_S), per_s=per_s)
        else:
            await asyncio.sleep(_COUNTED_S)
        after = await near.usage(), await far.usage()
        near_times, far_times = await near.times(), await far.times()
        flood_s = piece_s = 0.0
        if per_s:
            flood_s = cast("float", await far.ask("send", count=_AT_ONCE, per_s=1e9))
            piece_s = await asyncio.to_thread(calibration_s, time.perf_counter)
            received = await receiver.ask("received")
            if received != int(per_s * _COUNTED_S) + _AT_ONCE:
                raise RuntimeError(f"the receiver has seen {received} webhooks")
    delays: list[float] = []
    for first, second in zip(near_times, far_times, strict=True):
        for talker, listener in ((first, second), (second, first)):
            delays += delays_ms(talker[0], listener[1], PERIOD_S)
    return Heard(delays, [end.rate(start) for start, end in zip(before, after, strict=True)], flood_s, piece_s)


async def measure(turns: int) -> list[Row]:
    """W1 and what belongs to it, from the same turns."""
    taken = await take_turns(f"webhooks, {CALLS} calls", {QUIET: lambda: _run(0), SENDING: lambda: _run(PER_S)}, turns)
    return [_speed(taken), _audio(taken, "W1.audio", 0.5, floor=1.5), _audio(taken, "W1.p99", 0.99, floor=2)]


def _speed(taken: Turns[Heard]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[SENDING].flood_s * PER_S / _AT_ONCE, arms[SENDING].piece_s))
    flood_s = taken.median_of(SENDING, lambda heard: heard.flood_s)
    return Row(
        id="W1",
        what=f"{PER_S} webhooks while {CALLS} calls are up / a fixed piece of Python, wall time",
        value=middle(turns),
        floor=10,
        turns=turns,
        void=taken.void,
        note=(
            f"{ratio(_AT_ONCE, flood_s):.0f} a second; {_AT_ONCE} sent at once to another process, on the loop that"
            " paces the calls' audio"
        ),
    )


def _audio(taken: Turns[Heard], name: str, share: float, *, floor: float) -> Row:
    def delay(heard: Heard) -> float:
        return percentile(heard.delays_ms, share)

    turns = taken.each(lambda arms: ratio(delay(arms[SENDING]), delay(arms[QUIET])))
    sending, quiet = (taken.median_of(arm, delay) for arm in (SENDING, QUIET))
    bursts = sum(len(heard.delays_ms) for heard in taken.all_of(SENDING))
    what = "median" if share == 0.5 else f"p{share * 100:.0f}"
    return Row(
        id=name,
        what=f"delay of the audio of {CALLS} calls, with {PER_S} webhooks/s / without, {what}",
        value=middle(turns),
        floor=floor,
        turns=turns,
        void=taken.void,
        note=f"{sending:.2f} against {quiet:.2f} ms from voice to ear, {bursts} bursts; no frame is lost in either",
        enforced=share == 0.5,  # what else the machine does shows in the other
    )
