"""C1, C2: the CPU time of running calls and of set-ups, of the caller and of the mock, against a version from before.

A `Phone` in one process calls through the HTTP API of a mock in another, both of the same version. The callees speak
all the time.
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


CALLS: Final = 25
_COUNTED_S: Final = 5.0
_SET_UPS: Final = 20
#: The first set-ups of a process load things.
_DROPPED: Final = 3
NEW, BEFORE = "now", "before"


@dataclass(frozen=True, slots=True)
class Spent:
    """One arm of a turn: milliseconds of CPU time, for a second of a call or for a set-up.

    Attributes:
        caller: of the process that calls.
        mock: of the mock.
        rates: frames received, per second and call; empty for set-ups.
    """

    caller: float
    mock: float
    rates: list[float]


async def run_calls(version: Path, calls: int = CALLS, counted_s: float = _COUNTED_S) -> Spent:
    """Calls that are up."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("mock", version))
        near = await stack.enter_async_context(Worker.playing("mock-calls", version))
        await near.ask("open", places=await far.places(calls=calls), timed=False)
        await asyncio.sleep(SETTLE_S)
        before = await near.usage(), await far.usage()
        await asyncio.sleep(counted_s)
        after = await near.usage(), await far.usage()
    caller, mock = (end.cpu_ms_per_s(start) / calls for start, end in zip(before, after, strict=True))
    return Spent(caller, mock, [after[0].rate(before[0])])


async def run_set_ups(version: Path, count: int = _SET_UPS) -> Spent:
    """Calls that are dialled and hung up, one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("mock", version))
        near = await stack.enter_async_context(Worker.playing("mock-calls", version))
        (place,) = await far.places(calls=1)
        await near.ask("set_up", place=place, calls=_DROPPED)
        await asyncio.sleep(SETTLE_S)  # what is loaded in the background is loaded now
        before = await near.usage(), await far.usage()
        await near.ask("set_up", place=place, calls=count)
        after = await near.usage(), await far.usage()
    caller, mock = ((end.cpu_s - start.cpu_s) * 1000 / count for start, end in zip(before, after, strict=True))
    return Spent(caller, mock, [])


async def measure(turns: int) -> list[Row]:
    """C1, of running calls."""
    return await _compare(
        "C1", f"CPU per call at {CALLS} calls", "ms per second of a call", run_calls, turns, goals=(0.6, None)
    )


async def measure_set_ups(turns: int) -> list[Row]:
    """C2, of set-ups."""
    return await _compare("C2", "CPU of a call's set-up and end", "ms a call", run_set_ups, turns, goals=(0.5, 0.5))


async def _compare(
    name: str,
    what: str,
    unit: str,
    run: Callable[[Path], Awaitable[Spent]],
    turns: int,
    goals: tuple[float | None, float | None],
) -> list[Row]:
    with checkout(OLD) as old:
        arms = {NEW: partial(run, ROOT)}
        if old:
            arms[BEFORE] = partial(run, old)
        taken = await take_turns(what, arms, turns)

        def row(name: str, who: str, read: Callable[[Spent], float], goal: float | None) -> Row:
            new_ms, values = taken.median_of(NEW, read), list[float]()
            note = f"{new_ms:.1f} {unit}; {absent(OLD)}"
            if old:
                values = taken.each(lambda arms: ratio(read(arms[NEW]), read(arms[BEFORE])))
                note = f"{new_ms:.1f} against {taken.median_of(BEFORE, read):.1f} {unit}"
            return Row(
                id=name,
                what=f"{what}, {who}, now / at {OLD}",
                value=middle(values),
                floor=1.1,
                goal=goal,
                turns=values,
                void=taken.void,
                note=note,
                enforced=bool(values),
            )

        return [
            row(name, "the process that calls", lambda spent: spent.caller, goals[0]),
            row(f"{name}.mock", "the mock", lambda spent: spent.mock, goals[1]),
        ]
