"""The clause about random steps of members, audio and outages: a model predicts the events that must be received."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.session.events import (
    LeaveReason,
    LegDisconnected,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.kit import run_on_loop
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, Pair, Stage, Voice

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Leg
    from offhook.interfaces.far_end import FarMember
    from offhook.session.events import LegEvent
    from offhook.testing.conformance.transport.stage import Ear


_UIDS: Final = (2, 3)
_STEPS: Final = ("join", "publish", "mute", "talk", "quit", "drop")
_OUTAGE: Final = "outage"
_MOST_STEPS: Final = 16
#: Fewer steps in real time, since an outage takes seconds there.
_MOST_REAL_STEPS: Final = 8


@dataclass
class _Model:
    """The events that a handler should have received."""

    present: set[int] = field(default_factory=set[int])
    publishing: set[int] = field(default_factory=set[int])
    #: Without the reasons of leaving, which another clause checks.
    received: list[tuple[type[LegEvent], int]] = field(default_factory=list[tuple["type[LegEvent]", int]])

    def allows(self, step: str, uid: int) -> bool:
        """Whether a member can do this now."""
        match step:
            case "join":
                return uid not in self.present
            case "publish":
                return uid in self.present and uid not in self.publishing
            case "mute" | "talk":
                return uid in self.publishing
            case "quit" | "drop":
                return uid in self.present
            case _:
                return True

    def do(self, step: str, uid: int) -> None:
        """Record that a member did this."""
        match step:
            case "join":
                self.present.add(uid)
                self.received.append((MemberJoined, uid))
            case "publish":
                self.publishing.add(uid)
                self.received.append((MemberPublished, uid))
            case "mute":
                self.publishing.discard(uid)
                self.received.append((MemberUnpublished, uid))
            case "quit" | "drop":
                self.present.discard(uid)
                self.publishing.discard(uid)
                self.received.append((MemberLeft, uid))
            case _:
                pass


class RandomClauses(TransportKit):
    """Clause 26."""

    @clause(
        "transport-26",
        "whatever the order of joining, publishing, muting, talking and leaving, the events match what happened",
    )
    async def test_any_order(self) -> None:
        # Hypothesis is synchronous: it runs in a thread beside this loop, and each example on a loop of its own.
        await asyncio.get_running_loop().run_in_executor(None, self._try_examples)

    def _try_examples(self) -> None:
        try:
            from hypothesis import HealthCheck, Phase, given, settings
            from hypothesis import strategies as st
        except ImportError:
            raise NotClaimed("hypothesis is not installed: pip install offhook[testing]") from None

        names = (*_STEPS, _OUTAGE) if self.claims("outage") else _STEPS
        most = round(self.either(_MOST_STEPS, _MOST_REAL_STEPS))
        steps = st.lists(st.tuples(st.sampled_from(names), st.sampled_from(_UIDS)), min_size=most // 2, max_size=most)
        # Failing examples are shrunk only where that takes no real time.
        phases = (Phase.generate, Phase.shrink) if self.virtual_time else (Phase.generate,)

        @settings(
            max_examples=self.examples or round(self.either(20, 3)),
            derandomize=True,
            deadline=None,
            database=None,
            print_blob=False,
            phases=phases,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
        )
        @given(steps)
        def example(steps: list[tuple[str, int]]) -> None:
            run_on_loop(lambda: self._play(steps), self.clause_timeout_s, virtual=self.virtual_time)

        example()

    async def _play(self, steps: list[tuple[str, int]]) -> None:
        async with self.stage() as stage:
            leg, ear = await stage.join()
            members = {uid: stage.far.member(CHANNEL, uid) for uid in _UIDS}
            pairs = {uid: _pair(leg, ear, member) for uid, member in members.items()}
            model, done = _Model(), list[str]()
            for step, uid in steps:
                if not model.allows(step, uid):
                    continue
                done.append(step if step == _OUTAGE else f"{uid} {step}")
                await self._do(stage, pairs[uid], step)
                model.do(step, uid)
                await self._agree(ear, model, ", ".join(done))

    async def _do(self, stage: Stage, pair: Pair, step: str) -> None:
        member = pair.member
        actions: dict[str, Callable[[], None]] = {
            "join": member.join,
            "publish": member.publish,
            "mute": member.unpublish,
            "quit": member.leave,
            "drop": lambda: member.leave(LeaveReason.DROPPED),
        }
        match step:
            case "talk":
                await stage.flow(pair)
            case "outage":
                stage.far.cut()
                await asyncio.sleep(self.outage_s)
                stage.far.mend()
                ear = pair.ear
                await self.until(
                    lambda: ear.count(LegReconnected) == ear.count(LegDisconnected),
                    "LegReconnected is received after an outage",
                    self.give_up_s,
                )
            case _:
                actions[step]()

    async def _agree(self, ear: Ear, model: _Model, done: str) -> None:
        def received() -> list[tuple[type[LegEvent], int]]:
            return [
                (type(event), event.uid)
                for event in ear.events
                if isinstance(event, MemberJoined | MemberPublished | MemberUnpublished | MemberLeft)
            ]

        with contextlib.suppress(AssertionError):
            await self.until(lambda: len(received()) >= len(model.received), "the events are received")
        assert received() == model.received, (
            f"after {done}: received {_show(received())}; expected {_show(model.received)}"
        )


def _pair(leg: Leg, ear: Ear, member: FarMember) -> Pair:
    return Pair(leg, ear, member, Voice(leg.send, leg.rate_hz), Voice(member.say, leg.rate_hz))


def _show(events: list[tuple[type[LegEvent], int]]) -> str:
    return ", ".join(f"{kind.__name__}({uid})" for kind, uid in events) or "nothing"
