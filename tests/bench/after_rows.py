"""M1: what a call that has ended leaves of its memory, in the process that calls and in the mock.

Calls are placed and ended one after the other; free memory is given back before each reading. What is left of one is
compared with what a running call takes in the same process.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import HAS_PROC, middle, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.method import Turns

_RUNNING: Final = 10
#: What is loaded once, and pools that grow to their size, are not charged to the calls.
_FIRST: Final = 30
_ENDED: Final = 60
_WHOLE_S: Final = 1.0
OURS: Final = "offhook"


@dataclass(frozen=True, slots=True)
class Memory:
    """One process: bytes of a running call, and bytes that an ended one leaves."""

    running: float
    left: float

    @property
    def share(self) -> float:
        """What is left, as a share; nothing if memory shrank."""
        return max(0.0, ratio(self.left, self.running))


@dataclass(frozen=True, slots=True)
class Ends:
    """One turn."""

    caller: Memory
    mock: Memory

    @property
    def rates(self) -> list[float]:
        """No audio is counted."""
        return []


async def run(first: int = _FIRST, ended: int = _ENDED, running: int = _RUNNING) -> Ends:
    """Place and end calls."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("mock"))
        near = await stack.enter_async_context(Worker.playing("mock-calls"))
        place, *_ = places = await far.places(calls=running)

        async def sizes() -> list[int]:
            found: list[int] = []
            for worker in (near, far):
                await worker.ask("trim")
                found.append((await worker.usage()).rss_bytes)
            return found

        await near.ask("open", places=places, timed=False)
        await near.ask("close")
        await near.ask("set_up", place=place, calls=first)
        await asyncio.sleep(_WHOLE_S)
        before = await sizes()
        await near.ask("set_up", place=place, calls=ended)
        await asyncio.sleep(_WHOLE_S)
        after = await sizes()
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(_WHOLE_S)
        up = await sizes()
    caller, mock = (
        Memory((full - idle) / running, (idle - start) / ended)
        for start, idle, full in zip(before, after, up, strict=True)
    )
    return Ends(caller, mock)


async def measure(turns: int) -> list[Row]:
    """M1 and M1.mock."""
    if not HAS_PROC:
        return []
    taken = await take_turns(f"memory after {_ENDED} calls", {OURS: run}, turns)
    return [
        _row(taken, "M1", "the process that calls", lambda ends: ends.caller),
        _row(taken, "M1.mock", "the mock, which keeps what it knows of ended calls", lambda ends: ends.mock),
    ]


def _row(taken: Turns[Ends], name: str, who: str, read: Callable[[Ends], Memory]) -> Row:
    turns = taken.each(lambda arms: read(arms[OURS]).share)
    left, running = (
        taken.median_of(OURS, lambda ends: read(ends).left / 1024),
        taken.median_of(OURS, lambda ends: read(ends).running / 1024),
    )
    return Row(
        id=name,
        what=f"memory that a call leaves when it has ended / memory of a running call, {who}",
        value=middle(turns),
        floor=0.25,
        goal=0.1,
        turns=turns,
        note=f"resident: {left:.1f} against {running:.0f} KiB a call, {_ENDED} calls after {_FIRST} others",
        enforced=False,
    )
