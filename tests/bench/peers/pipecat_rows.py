"""P2: the CPU time of a bot that says what it hears, ours and Pipecat's, which uses aiortc underneath.

Ours is a `Phone` whose calls echo, with a callee behind the mock's relay in another process. Theirs is a pipeline of
transport, echo and transport for each connection, called by bare aiortc in another process.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import FRAMES_PER_S, SETTLE_S, middle, ratio, take_turns
from tests.bench.peers.install import python_of
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from pathlib import Path

CALLS: Final = 5
_COUNTED_S: Final = 5.0
_RATE_HZ: Final = 16_000
#: A turn is void when more frames than this share are missing.
_MOST_OFF: Final = 0.1
_REQUIREMENTS: Final = ("pipecat-ai[webrtc]>=1.14,<2",)
_QUIET: Final = {"LOGURU_LEVEL": "ERROR"}
OURS, THEIRS = "offhook", "Pipecat"


@dataclass(frozen=True, slots=True)
class Echoed:
    """One arm of a turn.

    Attributes:
        cpu_ms: the bot's CPU milliseconds per second and call.
        rate: frames that came back, per second and call.
    """

    cpu_ms: float
    rate: float

    @property
    def rates(self) -> list[float]:
        """The rate, unless it is near enough: Pipecat's pace is not exact."""
        return [self.rate] if abs(self.rate - FRAMES_PER_S) > _MOST_OFF * FRAMES_PER_S else []


async def run_offhook(calls: int = CALLS, counted_s: float = _COUNTED_S) -> Echoed:
    """Ours calls."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("offhook-relay"))
        bot = await stack.enter_async_context(Worker.playing("echo-calls"))
        places = await far.places(calls=calls, callees=True, timed=False, rate_hz=_RATE_HZ)
        await bot.ask("open", places=places, timed=False)
        return await _count(bot, far, calls, counted_s)


async def run_pipecat(python: Path, calls: int = CALLS, counted_s: float = _COUNTED_S) -> Echoed:
    """Theirs is called."""
    async with contextlib.AsyncExitStack() as stack:
        bot = await stack.enter_async_context(Worker.playing("pipecat-bot", settings=_QUIET, python=python))
        near = await stack.enter_async_context(Worker.playing("aiortc-calls"))
        places = await bot.places(calls=calls, callees=True, timed=False, rate_hz=_RATE_HZ)
        await near.ask("open", places=places, timed=False)
        return await _count(bot, near, calls, counted_s)


async def _count(bot: Worker, other: Worker, calls: int, counted_s: float) -> Echoed:
    await asyncio.sleep(SETTLE_S)
    before = await bot.usage(), await other.usage()
    await asyncio.sleep(counted_s)
    after = await bot.usage(), await other.usage()
    return Echoed(after[0].cpu_ms_per_s(before[0]) / calls, after[1].rate(before[1]))


async def measure(turns: int) -> list[Row]:
    """P2."""
    python = await asyncio.to_thread(python_of, "pipecat", _REQUIREMENTS)
    taken = await take_turns(f"bots, {CALLS} calls", {OURS: run_offhook, THEIRS: lambda: run_pipecat(python)}, turns)
    values = taken.each(lambda arms: ratio(arms[OURS].cpu_ms, arms[THEIRS].cpu_ms))
    ours, theirs = (taken.median_of(arm, lambda echoed: echoed.cpu_ms) for arm in (OURS, THEIRS))
    return [
        Row(
            id="P2",
            what=f"CPU per call of a bot that says what it hears, at {CALLS} calls, offhook / Pipecat's SmallWebRTC",
            value=middle(values),
            goal=0.3,
            turns=values,
            void=taken.void,
            note=f"{ours:.1f} against {theirs:.1f} ms per second of a call",
            enforced=False,
        )
    ]
