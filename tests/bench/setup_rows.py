"""Call set-up (G1): from dialling until media can flow, ours and bare aiortc's, to another process on loopback.

The time that passes depends on what else the machine does: aiortc's is mostly a sleep, ours is all work. So what must
not become worse is the CPU time of both processes (G1.cpu).
"""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, Final, cast

from tests.bench.method import progress
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from tests.bench.process import Place

_AT_A_TIME: Final = 3
_ROUNDS_PER_TURN: Final = 3
#: The first calls of a process load things.
_DROPPED: Final = 2
JOIN, DIAL, BARE = "join", "dial", "aiortc"


async def measure(turns: int) -> list[Row]:
    """G1, of a join and of a whole dial: for each turn three times 3 calls of each kind, one kind after the other."""
    times: dict[str, list[list[float]]] = {JOIN: [], DIAL: [], BARE: []}
    spent_ms: dict[str, list[float]] = {JOIN: [], DIAL: [], BARE: []}
    async with contextlib.AsyncExitStack() as stack:
        arms: dict[str, tuple[Worker, Worker, Place]] = {}
        for arm, far_role, near_role in (
            (JOIN, "offhook-relay", "offhook-legs"),
            (DIAL, "offhook-relay", "offhook-calls"),
            (BARE, "aiortc-answerer", "aiortc-calls"),
        ):
            far = await stack.enter_async_context(Worker.playing(far_role))
            near = await stack.enter_async_context(Worker.playing(near_role))
            places = await far.places(calls=1, callees=True, timed=False, rate_hz=16_000)
            arms[arm] = far, near, places[0]
        rounds = turns * _ROUNDS_PER_TURN
        progress(f"set-up: {rounds} turns of {_AT_A_TIME} calls")
        for _ in range(rounds):
            for arm, (far, near, place) in arms.items():
                before_s = await _cpu_s(far, near)
                answer = await near.ask("set_up", place=place, calls=_AT_A_TIME)
                spent_ms[arm].append((await _cpu_s(far, near) - before_s) * 1000 / _AT_A_TIME)
                times[arm].append(cast("list[float]", answer))
    return [
        _row(times, "G1", JOIN, "call set-up, Transport.join", "HTTP join, ICE, DTLS, WebSocket, admitted"),
        _row(
            times,
            "G1.dial",
            DIAL,
            "call set-up, whole dial",
            "health check, carrier (a double that answers at once), session, and all of the join",
        ),
        _cpu_row(spent_ms),
    ]


async def _cpu_s(*workers: Worker) -> float:
    return sum([(await worker.usage()).cpu_s for worker in workers])


def _cpu_row(spent_ms: dict[str, list[float]]) -> Row:
    """The first round loads things."""
    turns = [ours / bare for ours, bare in zip(spent_ms[JOIN][1:], spent_ms[BARE][1:], strict=True)]
    ours, bare = (statistics.median(spent_ms[arm][1:]) for arm in (JOIN, BARE))
    return Row(
        id="G1.cpu",
        what="the same, Transport.join and leave, CPU time of both processes",
        value=statistics.median(turns),
        floor=1.25,
        turns=turns,
        note=f"{ours:.1f} against {bare:.1f} ms a call",
    )


def _row(times: dict[str, list[list[float]]], name: str, arm: str, what: str, included: str) -> Row:
    turns = [
        statistics.median(ours) / statistics.median(bare) for ours, bare in zip(times[arm], times[BARE], strict=True)
    ]
    ours, bare = (_median(times[which]) for which in (arm, BARE))
    return Row(
        id=name,
        what=what,
        value=ours / bare,
        floor=1.10,
        goal=0.32,
        turns=turns,
        note=(
            f"{ours:.1f} against {bare:.1f} ms, medians of {len(turns) * _AT_A_TIME - _DROPPED} calls."
            f" In ours: {included}."
            " In theirs: RTCPeerConnection made, offer and answer (one line each over TCP), ICE, DTLS"
        ),
        enforced=False,
    )


def _median(turns: list[list[float]]) -> float:
    return statistics.median([time_ms for turn in turns for time_ms in turn][_DROPPED:])
