"""Cancellation at every await and in every turn of a call through the whole stack but its sockets (F30).

`tests/core/test_cancellation.py` does this with doubles. Here the carrier is the real one, its server and the channel
are the mock's, and the mock must see the caller go.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest
from tests.core.cancel_at import CancelAt, CancelInTurn
from tests.core.rig import wav_frames

from offhook import AudioFrame, CallPolicy, CallState
from offhook.interfaces.ids import Ids
from offhook.plugin.manager import Plugins
from offhook.testing import ListSink, LoopClock, MemoryStore, Resources, check_call, run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, Echo, HangUp, Ring, Script, Wait
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.tenants.settings import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from offhook import Call, Phone
    from offhook.interfaces import LegHandler
    from offhook.interfaces.grant import Grant
    from offhook_mockserver.doors.memory.leg import MemoryLeg
    from offhook_mockserver.tenants.call import EndedCall, MockCall

NUMBER: Final = "+14155550123"
POLICY: Final = CallPolicy(setup_timeout_s=10, ring_timeout_s=30, grace_s=5, max_duration_s=60, release_timeout_s=2)
#: A caller who has gone is not waited for for long, so that what the mock keeps is known soon.
TENANT: Final = TenantSettings(join_window_s=8, grace_s=1, lost_after_s=2)
SOUND: Final = [AudioFrame(bytes([1, 20]) * 320, 16_000)] * 3
ECHOES: Final = Script("answers and echoes", (Ring(0.5), Answer(), Echo()))
RINGS: Final = Script("rings for ever", (Ring(1000),))
HANGS_UP: Final = Script("answers and hangs up", (Ring(0.5), Answer(), Wait(0.2), HangUp()))


async def talk(phone: Phone, call: Call, sink: ListSink) -> None:
    """Dial, be answered, play, listen, record, hang up after the last word."""
    async with call:
        await call.answered()
        call.listen(sink)
        handle = call.play(SOUND)
        await call.record_for(0.06, ListSink())
        await handle.done()
        call.play(SOUND)
        await anext(call.audio())
        await call.hang_up(after="playout")
    await call.ended()


async def ring_in_vain(phone: Phone, call: Call, sink: ListSink) -> None:
    """Hang up while it rings."""
    async with call:
        await asyncio.sleep(0.3)
        await call.hang_up()


async def be_left(phone: Phone, call: Call, sink: ListSink) -> None:
    """The callee hangs up."""
    async with call:
        await call.answered()
        call.play(SOUND * 100)
        await call.ended()


async def close_the_phone(phone: Phone, call: Call, sink: ListSink) -> None:
    """Dry run, a call, and the phone is closed in the middle of it."""
    async with phone:
        await phone.dry_run(NUMBER)
        await call.__aenter__()
        await call.answered()
        call.play(SOUND)


async def leave_slowly(phone: Phone, call: Call, sink: ListSink) -> None:
    """Hang up where that takes some turns."""
    transport = phone._parts.transport
    assert isinstance(transport, SlowToLeave)
    transport.leaving_s = 0.05
    async with call:
        await call.answered()


class SlowToLeave(MemoryTransport):
    """Its legs take so long to leave."""

    leaving_s = 0.0

    async def join(self, grant: Grant, handler: LegHandler) -> MemoryLeg:
        leg = await super().join(grant, handler)
        leave = leg.leave

        async def slowly() -> None:
            if self.leaving_s:
                await asyncio.sleep(self.leaving_s)
            await leave()

        leg.leave = slowly  # type: ignore[method-assign]
        return leg


SCENARIOS: Final = [
    (talk, ECHOES),
    (leave_slowly, ECHOES),
    (ring_in_vain, RINGS),
    (be_left, HANGS_UP),
    (close_the_phone, ECHOES),
]


@functools.cache
def plugins() -> Plugins:
    """Found once, for all the mocks: to look for them takes longer than a call."""
    return Plugins.load()


Scenario: TypeAlias = "Callable[[Phone, Call, ListSink], Coroutine[Any, Any, None]]"
every_scenario = pytest.mark.parametrize(
    ("scenario", "script"), SCENARIOS, ids=[scenario.__name__ for scenario, _ in SCENARIOS]
)


@pytest.mark.fault("F30")
@every_scenario
@pytest.mark.parametrize("waking", [False, True], ids=["waiting", "waking"])
@pytest.mark.parametrize("again_after", [None, 0, 1], ids=["once", "twice", "twice, a step apart"])
def test_cancelled_at_every_await(
    scenario: Scenario, script: Script, again_after: int | None, waking: bool, tmp_path: Path
) -> None:
    """At every await of the program itself."""

    async def perform(step: int, work: Coroutine[Any, Any, None]) -> tuple[asyncio.Task[None], bool]:
        at = {step} if again_after is None else {step, step + 1 + again_after}
        coroutine = CancelAt(work, at, waking=waking)
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        await asyncio.wait({task})
        return task, coroutine.steps <= step

    steps = through_all(scenario, script, tmp_path, perform, twice=again_after is not None)
    assert steps > 3


@pytest.mark.slow
@pytest.mark.fault("F30")
@every_scenario
@pytest.mark.parametrize("again_after", [None, 1], ids=["once", "twice"])
def test_cancelled_in_every_turn_of_the_loop(
    scenario: Scenario, script: Script, again_after: int | None, tmp_path: Path
) -> None:
    """Whatever the tasks of the call, of the carrier's exchange and of the channel are waiting for."""

    async def perform(step: int, work: Coroutine[Any, Any, None]) -> tuple[asyncio.Task[None], bool]:
        task = asyncio.create_task(work)
        cancel = CancelInTurn(task, {step} if again_after is None else {step, step + again_after})
        await asyncio.wait({task})
        return task, cancel.turns <= step

    turns = through_all(scenario, script, tmp_path, perform, twice=again_after is not None)
    print(f"{turns} turns")
    assert turns > 15


def through_all(
    scenario: Scenario,
    script: Script,
    folder: Path,
    perform: Callable[[int, Coroutine[Any, Any, None]], Awaitable[tuple[asyncio.Task[None], bool]]],
    *,
    twice: bool,
) -> int:
    """Cancel in step after step until the scenario comes to its end undisturbed. Hanging up stays free (I2), nothing is
    left here or in the mock (I3), the recording is valid (I4), and the callee is rung once at most (I9)."""

    # A second cancellation cuts short the leaving itself; what is left then, the phone lets go of.
    cut_short = twice and scenario is leave_slowly

    async def attempt(step: int) -> bool:
        store, sink, path = MemoryStore(), ListSink(), folder / f"{step}.wav"
        mock = InProcessMock(
            clock=LoopClock(), ids=Ids(1), plugins=plugins(), tenant=TENANT, script_for=lambda number: script
        )
        async with mock:
            phone = mock.phone(policy=POLICY, store=store, transport=SlowToLeave(mock))
            call = phone.dial(NUMBER, record=path)
            task, finished = await perform(step, scenario(phone, call, sink))
            if not task.cancelled():
                task.result()
            assert task.cancelled() or finished, "a cancellation was swallowed"
            await free(call.hang_up, "hanging up once more")
            if not cut_short:
                check_gone(mock)
            await bounded(phone.aclose, "closing the phone")
            check_gone(mock)
            await free(phone.aclose, "closing the phone once more")
            assert call.over
            check_ours(call, store, path)
            assert sink.closed or not sink.frames
            await check_mocks(mock, call)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return finished

    before, step = Resources.now(), 0
    while not run_virtual(quietly(attempt(step))):
        step += 1
        assert step < 2000, "it never got to its end"
    assert Resources.now() == before
    return step


async def quietly(attempt: Awaitable[bool]) -> bool:
    """Nothing goes wrong where nobody would see it."""
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    finished = await attempt
    assert not complaints, complaints
    return finished


async def free(action: Callable[[], Awaitable[None]], what: str) -> None:
    before_s = asyncio.get_running_loop().time()
    await action()
    assert asyncio.get_running_loop().time() == before_s, f"{what} had something left to do"


async def bounded(action: Callable[[], Awaitable[None]], what: str) -> None:
    before_s = asyncio.get_running_loop().time()
    await action()
    assert asyncio.get_running_loop().time() - before_s <= POLICY.release_timeout_s, what


def check_ours(call: Call, store: MemoryStore, path: Path) -> None:
    """The call is over, written down, and its recording is whole."""
    if path.exists():
        wav_frames(path)
        assert call.record.joined_at_s is not None, "an empty recording was left behind"
    if not call.record.dialed_at:
        assert not store.journal
        return
    assert call.state is CallState.ENDED
    check_call(
        call.record,
        journal=store.journal,
        saved=store.records[call.record.call_id],
        policy=POLICY,
        recordings=[path] if path.exists() else [],
    )


def check_gone(mock: InProcessMock) -> None:
    """Nobody but the callee is in the channel."""
    for live in mock.tenant.calls.values():
        callers = [member for member in live.room.members if member.uid != callee_uid(live)]
        assert not callers, "the caller is still in the channel"


async def check_mocks(mock: InProcessMock, call: Call) -> None:
    """The callee was rung once at most, sees its caller go, and then nothing of the call is in the mock."""
    tenant = mock.tenant
    rung: list[MockCall | EndedCall] = [*tenant.calls.values(), *tenant.ended]
    assert len(rung) <= 1, "the callee was rung twice"
    assert rung or call.record.rang != "assumed"
    if not rung:
        return
    (live,) = rung
    assert call.record.rang != "no", "the record says that nothing rang"
    await asyncio.sleep(TENANT.join_window_s + TENANT.grace_s + 1)
    assert live.end is not None
    if call.record.joined_at_s is not None and live.end is not CalleeEnd.HUNG_UP:
        assert live.end in {CalleeEnd.CALLER_LEFT, CalleeEnd.GIVEN_UP}
    assert len(mock.rooms) == 0
    assert not tenant.calls


def callee_uid(live: Any) -> int:
    """Who the callee is in its channel; 0 when it is not there."""
    return live.callee._member.uid if live.callee.answered else 0
