"""Calls over Agora's SDK: CPU (A1), memory (A3) and the time from dialling to the channel (A4).

Three ways of running the same whole calls, to the same PCM callees: the SDK in a child process, as calls have it by
default; the SDK in the process of the program; and the transport aiortc. The CPU of a call is that of the program's
process and of the child together. The native library is the mock's: Agora's own has its codecs and its network on top.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from tests.bench.agora_sdk import staged
from tests.bench.method import SETTLE_S, Usage, middle, progress, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench.method import Turns
    from tests.bench.process import Place

MANY: Final = 10
_COUNTED_S: Final = 5.0
#: At one call: its share is a hundredth of a core.
_COUNTED_ALONE_S: Final = 6.0
CHILD, INLINE, AIORTC = "child", "inline", "aiortc"
_ROLES: Final = {CHILD: "agora-child-calls", INLINE: "agora-inline-calls", AIORTC: "offhook-calls"}

#: The others, in a sentence.
_OTHERS: Final = {INLINE: "with the SDK in the program's process", AIORTC: "over aiortc"}

_AT_A_TIME: Final = 4
_ROUNDS_PER_TURN: Final = 2


@dataclass(frozen=True, slots=True)
class Near:
    """The processes that call: when the calls had settled, and after the count.

    Attributes:
        before, after: the program's process, and its child's if it has one.
        calls: how many calls there were.
    """

    before: tuple[Usage, ...]
    after: tuple[Usage, ...]
    calls: int

    @property
    def rates(self) -> list[float]:
        """Frames that the program received, per second and call."""
        return [self.after[0].rate(self.before[0])]

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per second and call, of all processes."""
        return sum(self.cpu_of(process) for process in range(len(self.after)))

    def cpu_of(self, process: int) -> float:
        """The same of one of them."""
        return self.after[process].cpu_ms_per_s(self.before[process]) / self.calls

    @property
    def megabytes(self) -> float:
        """Memory of all processes."""
        return sum(usage.rss_bytes for usage in self.after) / 1e6


async def readings(near: Worker, *, children: bool) -> tuple[Usage, ...]:
    """What the program's process, and its children, have used."""
    own = await near.usage()
    theirs = cast("list[dict[str, int]]", await near.ask("children")) if children else []
    return own, *(Usage(**child) for child in theirs)  # some are floats, which Usage knows


async def _run(arm: str, calls: int, settings: Mapping[str, str]) -> Near:
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("offhook-relay"))
        near = await stack.enter_async_context(Worker.playing(_ROLES[arm], settings=settings))
        places = await far.places(calls=calls, callees=True, timed=False)
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(SETTLE_S)
        await near.ask("trim")
        before = await readings(near, children=arm == CHILD)
        await asyncio.sleep(_COUNTED_S if calls > 1 else _COUNTED_ALONE_S)
        return Near(before, await readings(near, children=arm == CHILD), calls)


async def measure(turns: int) -> list[Row]:
    """A1 and A3; nothing where the SDK folder cannot be made."""
    async with staged("A1 and A3") as settings:
        if settings is None:
            return []
        many, one = [
            await take_turns(
                f"Agora's SDK, {_calls(calls)}", {arm: partial(_run, arm, calls, settings) for arm in _ROLES}, turns
            )
            for calls in (MANY, 1)
        ]
        return [
            _cpu(many, "A1", MANY, INLINE),
            _cpu(many, "A1.aiortc", MANY, AIORTC),
            _cpu(one, "A1.one", 1, INLINE),
            _cpu(one, "A1.one.aiortc", 1, AIORTC),
            _child_memory(one),
            _call_memory(many, one),
        ]


def _cpu(taken: Turns[Near], name: str, calls: int, other: str) -> Row:
    turns = taken.each(lambda arms: ratio(arms[CHILD].cpu_ms, arms[other].cpu_ms))
    parent_ms, child_ms, other_ms = (
        taken.median_of(CHILD, lambda near: near.cpu_of(0)),
        taken.median_of(CHILD, lambda near: near.cpu_of(1)),
        taken.median_of(other, lambda near: near.cpu_ms),
    )
    than = "the SDK in the program's process" if other == INLINE else "the transport aiortc"
    return Row(
        id=name,
        what=f"CPU per call at {_calls(calls)}, the SDK in a child process / {than}",
        value=middle(turns),
        goal=1.25 if other == INLINE else None,
        turns=turns,
        void=taken.void,
        note=(
            f"{parent_ms:.1f} ms of the program and {child_ms:.1f} ms of the child, against {other_ms:.1f} ms per"
            " second of a call; the mock's native library, which has no codec"
        ),
        enforced=False,
    )


def _calls(calls: int) -> str:
    return f"{calls} calls" if calls > 1 else "1 call"


def _child_memory(taken: Turns[Near]) -> Row:
    turns = taken.each(lambda arms: ratio(arms[CHILD].after[1].rss_bytes, arms[CHILD].after[0].rss_bytes))
    megabytes = taken.median_of(CHILD, lambda near: near.after[1].rss_bytes / 1e6)
    threads = taken.median_of(CHILD, lambda near: near.after[1].threads)
    return Row(
        id="A3",
        what="memory of a child process with one call / of the program",
        value=middle(turns),
        turns=turns,
        void=taken.void,
        note=(
            f"{megabytes:.0f} MB resident, pages that it shares with other processes included; {threads:.0f} threads."
            " Agora's own library takes far more"
        ),
        enforced=False,
    )


def _call_memory(many: Turns[Near], one: Turns[Near]) -> Row:
    def per_call(arm: str) -> list[float]:
        return [
            (more[arm].megabytes - less[arm].megabytes) / (MANY - 1)
            for more, less in zip(many.results, one.results, strict=True)
            if more.keys() == less.keys() == _ROLES.keys()
        ]

    turns = [ratio(child, aiortc) for child, aiortc in zip(per_call(CHILD), per_call(AIORTC), strict=True)]
    child, inline, aiortc = (middle(per_call(arm)) for arm in (CHILD, INLINE, AIORTC))
    return Row(
        id="A3.call",
        what="memory that one more call takes, program and child / over aiortc",
        value=middle(turns),
        turns=turns,
        void=many.void + one.void,
        note=(
            f"{number(child)} MB resident, from the difference between {MANY} calls and 1; {number(inline)} MB with"
            f" the SDK in the program's process, {number(aiortc)} MB over aiortc"
        ),
        enforced=False,
    )


async def measure_set_up(turns: int) -> list[Row]:
    """A4; nothing where the SDK folder cannot be made."""
    async with staged("A4") as settings:
        return await _set_up(turns, settings) if settings is not None else []


async def _set_up(turns: int, settings: Mapping[str, str]) -> list[Row]:
    """Calls one after the other, the first of each phone with a new child."""
    cold: dict[str, list[float]] = {arm: [] for arm in _ROLES}
    warm: dict[str, list[float]] = {arm: [] for arm in _ROLES}
    async with contextlib.AsyncExitStack() as stack:
        arms: dict[str, tuple[Worker, Place]] = {}
        for arm, role in _ROLES.items():
            far = await stack.enter_async_context(Worker.playing("offhook-relay"))
            near = await stack.enter_async_context(Worker.playing(role, settings=settings))
            (place,) = await far.places(calls=1, callees=True, timed=False)
            arms[arm] = near, place
            await near.ask("set_up", place=place, calls=1)  # it loads things
        rounds = turns * _ROUNDS_PER_TURN
        progress(f"Agora's SDK, set-up: {rounds} turns of {_AT_A_TIME} calls")
        for _ in range(rounds):
            for arm, (near, place) in arms.items():
                first, *others = cast("list[float]", await near.ask("set_up", place=place, calls=_AT_A_TIME))
                cold[arm].append(first)
                warm[arm].append(statistics.median(others))
    against = ", ".join(f"{statistics.median(warm[arm]):.0f} ms {_OTHERS[arm]}" for arm in _OTHERS)
    return [
        _time("A4", "with a new child process", cold[CHILD], warm[AIORTC], "Python and the SDK are loaded in it"),
        _time("A4.warm", "in a child process that is there", warm[CHILD], warm[AIORTC], f"against {against}"),
    ]


def _time(name: str, what: str, times_ms: list[float], aiortc_ms: list[float], note: str) -> Row:
    turns = [ratio(ours, other) for ours, other in zip(times_ms, aiortc_ms, strict=True)]
    return Row(
        id=name,
        what=f"dial to joined, {what} / over aiortc",
        value=middle(turns),
        turns=turns,
        note=f"{statistics.median(times_ms):.0f} ms; {note}",
        enforced=False,
    )
