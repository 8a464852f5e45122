"""Anything may happen to a call in any order: random events, timings, faults and cancellations over session and shell.

Whatever happens, the invariants hold (`offhook.testing.check_call`), nothing is left behind, no callee is rung twice,
and hanging up once more is free. A failure prints the plan; paste it into an ``@example`` to play it again, or use the
blob.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.rig import FRAME, NUMBER, AudioKit, RampSource, Rig, frame, later, load, now, rig, run

from offhook import AnswerPolicy, AudioFrame, CallPolicy, CallState, Secret, hookimpl
from offhook.errors import (
    CallStateError,
    CarrierUnavailable,
    JoinFailed,
    OffhookError,
    RequestRejected,
    StartAmbiguous,
    TokenRejected,
)
from offhook.interfaces import AudioSource
from offhook.session.events import (
    AudioLost,
    Direction,
    GrantExpiring,
    LeaveReason,
    LegDisconnected,
    LegFailed,
    LegReconnected,
)
from offhook.testing import LinkedTransport, ListSink, MemoryStore, ScriptedCarrier, check_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook import Call
    from offhook.interfaces import DialRequest
    from offhook.interfaces.grant import Grant
    from offhook.interfaces.store import Document

SOURCES = ["ramp", "raises", "stalls", "other rate", "slow"]
EVENTS = [
    "callee joins", "callee publishes", "callee mutes", "callee quits", "callee drops", "callee speaks",
    "another joins", "another speaks", "another quits",
    "leg disconnects", "leg reconnects", "leg fails", "kicked", "token expires soon", "nothing arrives",
    "hang up", "hang up after playout", "clear", "cancel the playout", "cancel the program", "close the phone",
    "answer comes", "channel opens", "let go",
    *(f"play {name}" for name in SOURCES),
]  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What happens: a program, faults, and events with their times in hundredths of a second."""

    events: tuple[tuple[int, str], ...]
    program: str
    answer: AnswerPolicy
    start: str
    join: str
    renewal: str
    stuck_leave: bool
    token_life_s: float | None
    store_takes: int
    end_on_audio_loss: bool


PLANS = st.builds(
    Plan,
    # Most calls are answered, and most faults are rare, so that what happens happens to calls that are up.
    events=st.tuples(
        st.sampled_from([(), *([((40, "callee joins"), (40, "callee publishes"), (60, "callee speaks"))] * 3)]),
        st.sampled_from([(), (), ((120, "leg disconnects"),), ((120, "callee drops"),)]),
        st.lists(st.tuples(st.integers(0, 1500), st.sampled_from(EVENTS)), max_size=12).map(tuple),
    ).map(lambda parts: parts[0] + parts[1] + parts[2]),
    program=st.sampled_from(["wait", "talk", "record", "leave at once"]),
    answer=st.sampled_from(AnswerPolicy),
    start=st.sampled_from([*(["well"] * 12), "hangs", "refused", "lost", "unavailable", "bug"]),
    join=st.sampled_from([*(["well"] * 9), "hangs", "refused", "bug"]),
    renewal=st.sampled_from(["none", "well", "refused", "bug", "hangs"]),
    stuck_leave=st.booleans(),
    token_life_s=st.sampled_from([None, None, 0.5, 5.0, 12.0]),
    store_takes=st.sampled_from([*([10**6] * 8), 0, 1, 3, 8]),
    end_on_audio_loss=st.booleans(),
)
STARTS: dict[str, Exception] = {
    "refused": RequestRejected("no"),
    "lost": StartAmbiguous("lost"),
    "unavailable": CarrierUnavailable("not there"),
    "bug": KeyError("carrier"),
}
JOINS: dict[str, Exception] = {"refused": JoinFailed("no"), "bug": KeyError("transport")}


class Misbehaving(AudioSource):
    """Gives a little, and then raises, or nothing ever again; or everything late."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._given = 0

    async def read(self) -> AudioFrame | None:
        self._given += 1
        if self._given > 3:
            if self._how == "raises":
                raise ZeroDivisionError
            if self._how == "stalls":
                await asyncio.Event().wait()
        if self._how == "slow":
            await asyncio.sleep(0.07)
        return frame() if self._given < 100 else None

    async def aclose(self) -> None:
        pass


class FullStore(MemoryStore):
    """Takes a number of entries, and then fails."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self._takes = takes

    def append(self, call_id: str, entry: Document) -> None:
        if len(self.journal) >= self._takes:
            raise OSError(28, "No space left on device")
        super().append(call_id, entry)


class Carrier(ScriptedCarrier):
    """Its grants live as long as the plan says."""

    life_s: float | None = None

    async def start_call(self, request: DialRequest) -> Grant:
        grant = await super().start_call(request)
        return replace(grant, expires_at_s=None if self.life_s is None else 1_795_000_000 + now() + self.life_s)


class Renewer:
    """Renews grants, or not."""

    def __init__(self, how: str) -> None:
        self._how = how

    @hookimpl
    async def offhook_renew_grant(self, call_id: str, grant: Grant) -> Grant | None:
        if self._how == "bug":
            raise KeyError("renewer")
        if self._how == "hangs":
            await asyncio.Event().wait()
        return None if self._how == "none" else replace(grant, token=Secret("007-fresh"), expires_at_s=None)


class Stage:
    """One run of a plan."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        carrier = Carrier(STARTS.get(plan.start))
        carrier.life_s = plan.token_life_s
        transport = LinkedTransport(refuse_join=JOINS.get(plan.join))
        transport.refuse_renew = TokenRejected("no", 8) if plan.renewal == "refused" else None
        self.policy = CallPolicy(
            answer=plan.answer, setup_timeout_s=3, ring_timeout_s=6, grace_s=1.5, max_duration_s=9,
            release_timeout_s=0.5, renew_before_s=4, audio_timeout_s=2, end_on_audio_loss=plan.end_on_audio_loss,
        )  # fmt: skip
        self.store = FullStore(plan.store_takes)
        self.kit = AudioKit()
        plugins = load(self.kit, Renewer(plan.renewal))
        self.r: Rig = rig(policy=self.policy, plugins=plugins, carrier=carrier, transport=transport, store=self.store)
        self.other = transport.member(3)
        self.recording = folder / f"{len(list(folder.iterdir()))}.wav"
        self.call: Call = self.r.phone.dial(NUMBER, record=self.recording)
        self.sink = ListSink()
        self.program: asyncio.Task[None] | None = None
        self.tasks: set[asyncio.Task[object]] = set()
        for gate, hangs in (
            (carrier.gate, plan.start == "hangs"),
            (transport.join_gate, plan.join == "hangs"),
            (transport.leave_gate, plan.stuck_leave),
        ):
            if hangs:
                gate.clear()

    async def perform(self) -> None:
        for at, event in self.plan.events:
            later(at / 100, self.act, event)
        self.program = asyncio.create_task(self.play_along())
        await asyncio.wait({self.program})
        if not self.program.cancelled():
            error = self.program.exception()
            assert error is None or isinstance(error, OffhookError), error
        await asyncio.sleep(30)  # what is planned for later finds a call that is over
        if self.tasks:
            done, stuck = await asyncio.wait(self.tasks, timeout=30)
            assert not stuck, "hanging up did not end"
            for task in done:
                assert task.cancelled() or task.exception() is None

    async def play_along(self) -> None:
        async with self.call as call:
            if self.plan.program == "leave at once":
                return
            call.listen(self.sink)
            if await call.answered():
                handle = call.play(RampSource(FRAME * 40))
                if self.plan.program == "record":
                    await call.record_for(2, ListSink())
                elif self.plan.program == "talk":
                    await handle.done()
                    await call.hang_up(after="playout")
            await call.ended()

    def act(self, event: str) -> None:
        r, transport, call = self.r, self.r.transport, self.call
        acts: dict[str, Callable[[], object]] = {
            "callee joins": r.callee.join,
            "callee publishes": r.callee.publish,
            "callee mutes": r.callee.unpublish,
            "callee quits": r.callee.leave,
            "callee drops": lambda: r.callee.leave(LeaveReason.DROPPED),
            "callee speaks": lambda: r.talk(0, 0.5),
            "another joins": self.other.join,
            "another speaks": lambda: self.other.say(frame()),
            "another quits": self.other.leave,
            "leg disconnects": lambda: transport.tell(LegDisconnected()),
            "leg reconnects": lambda: transport.tell(LegReconnected()),
            "leg fails": lambda: transport.tell(LegFailed("broken")),
            "kicked": lambda: transport.kick("replaced"),
            "token expires soon": lambda: transport.tell(GrantExpiring()),
            "nothing arrives": lambda: transport.tell(AudioLost(Direction.SENT)),
            "hang up": lambda: self.start(call.hang_up()),
            "hang up after playout": lambda: self.start(call.hang_up(after="playout")),
            "clear": lambda: call.clear(),
            "cancel the playout": lambda: call.play(RampSource(FRAME)).cancel(),
            "cancel the program": lambda: self.program and self.program.cancel(),
            "close the phone": lambda: self.start(r.phone.aclose()),
            "answer comes": r.carrier.gate.set,
            "channel opens": transport.join_gate.set,
            "let go": transport.leave_gate.set,
            "play ramp": lambda: call.play(RampSource(FRAME * 30 + 7)),
            "play raises": lambda: call.play(Misbehaving("raises")),
            "play stalls": lambda: call.play(Misbehaving("stalls")),
            "play other rate": lambda: call.play(RampSource(8000, rate_hz=8000)),
            "play slow": lambda: call.play(Misbehaving("slow")),
        }
        try:
            acts[event]()
        except CallStateError:  # a call that has no media yet
            assert call.leg_state.value in ("new", "connecting", "failed", "closed")

    def start(self, work: object) -> None:
        async def finish() -> None:
            await work  # type: ignore[misc]

        self.tasks.add(asyncio.create_task(finish()))

    async def check(self) -> None:
        r, call = self.r, self.call
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        before = now()
        await call.hang_up()
        assert now() == before, "hanging up once more is free (I2)"
        assert call.over
        assert len(r.carrier.rung) <= 1, "no callee is rung twice (I9)"
        if r.carrier.rung:
            assert call.state is CallState.ENDED
            # One cancellation, or a phone that is closed at the same time, cuts short what was still waited for.
            check_call(
                call.record,
                journal=self.store.journal if self.plan.store_takes > 1000 else None,
                saved=self.store.records[call.record.call_id],
                policy=self.policy,
                recordings=[self.recording] if self.recording.exists() else [],
            )
        elif call.record.dialed_at:
            assert call.record.rang == "no"
        sent = len(r.callee.heard)
        await asyncio.sleep(30)
        assert len(r.callee.heard) == sent, "something is still sending"
        async with r.phone.dial(NUMBER, redial=True) if not self.closed else Nothing():
            pass  # neither the limit nor the guard holds anything that is over

    @property
    def closed(self) -> bool:
        """Whether another call could not be placed for reasons of the plan."""
        plan = self.plan
        faults = plan.start != "well" or plan.join != "well" or plan.stuck_leave or plan.store_takes < 1000
        return faults or any(event == "close the phone" for _, event in plan.events)


class Nothing:
    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.mark.fault("F30")
@given(PLANS)
@settings(max_examples=150, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens(plan: Plan) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(plan, Path(folder))
            await stage.perform()
            await stage.check()

    run(main())
