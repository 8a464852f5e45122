"""Cancellation at every await of every public verb (F30): nothing is left, and what was recorded is valid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.cancel_at import CancelAt
from tests.core.rig import (
    FRAME,
    NUMBER,
    POLICY,
    AudioKit,
    RampSource,
    later,
    load,
    rig,
    run,
    wav_frames,
)

from offhook import CallState, Disposition, PlayoutEnd
from offhook.errors import OffhookError
from offhook.testing import LinkedTransport, ListSink, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from tests.core.rig import Rig

    from offhook import Call


async def everything(r: Rig, call: Call, sink: ListSink) -> None:
    """A call in which every await of the public verbs comes up."""
    async with call:
        await call.answered()
        call.listen(sink)
        handle = call.play(RampSource(FRAME * 3))
        await call.record_for(0.1, ListSink())
        await handle.done()
        call.play(RampSource(FRAME * 3))
        await anext(call.audio())
        await call.hang_up(after="playout")
    await call.ended()


async def busy_dialling(r: Rig, call: Call, sink: ListSink) -> None:
    """The carrier and the channel take their time, in both directions."""
    for gate in (r.carrier.gate, r.transport.join_gate, r.transport.leave_gate):
        gate.clear()
    later(1, r.carrier.gate.set)
    later(2, r.transport.join_gate.set)
    later(6, r.transport.leave_gate.set)
    async with call:
        await call.answered()


async def refused(r: Rig, call: Call, sink: ListSink) -> None:
    with pytest.raises(OffhookError):
        async with call:
            pass


WITH_AUDIO = load(AudioKit())
SCENARIOS: list[tuple[Callable[[Rig, Call, ListSink], Coroutine[Any, Any, None]], dict[str, Any]]] = [
    (everything, {}),
    (busy_dialling, {}),
    (refused, {"carrier": OffhookError("no")}),
    (refused, {"transport": OffhookError("no")}),
]


@pytest.mark.fault("F30")
@pytest.mark.parametrize("waking", [False, True], ids=["waiting", "waking"])
@pytest.mark.parametrize("again_after", [None, 0, 1], ids=["once", "twice", "twice, a step apart"])
@pytest.mark.parametrize(
    ("scenario", "faults"), SCENARIOS, ids=["everything", "busy dialling", "carrier refuses", "channel refuses"]
)
def test_cancelled_at_every_await(
    scenario: Callable[[Rig, Call, ListSink], Coroutine[Any, Any, None]],
    faults: dict[str, Any],
    again_after: int | None,
    waking: bool,
    tmp_path: Path,
) -> None:
    """Hanging up stays terminal and bounded (I2), nothing is left (I3), the recording is valid (I4)."""

    async def attempt(step: int) -> bool:
        loop = asyncio.get_running_loop()
        r = rig(
            policy=POLICY,
            plugins=WITH_AUDIO,
            carrier=ScriptedCarrier(faults.get("carrier")),
            transport=LinkedTransport(refuse_join=faults.get("transport")),
        )
        r.answer(at_s=3)
        r.talk(at_s=3, duration_s=2)
        path, sink = tmp_path / f"{step}.wav", ListSink()
        call = r.phone.dial(NUMBER, record=path)
        at = {step} if again_after is None else {step, step + 1 + again_after}
        coroutine = CancelAt(scenario(r, call, sink), at, waking=waking)
        task = asyncio.create_task(coroutine)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
        finished = coroutine.steps <= step
        assert task.cancelled() or finished, "a cancellation was swallowed"
        ended_at = loop.time()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await call.hang_up()
        assert loop.time() == ended_at, "nothing was left to do"
        assert call.over
        gave_up = "failed in leave: no answer within" in call.record.problem
        assert r.transport.leg is None or gave_up or again_after is not None
        if r.carrier.rung:
            assert call.state is CallState.ENDED
            assert call.record.outcome is not None
            assert call.record.ended_at_s is not None
            assert set(r.store.records) == {call.record.call_id}
            assert [entry["event"] for entry in r.store.journal] == [entry.event for entry in call.record.timeline]
        if path.exists():
            wav_frames(path)
            assert call.record.joined_at_s is not None, "an empty recording was left behind"
        assert sink.closed or not sink.frames
        heard = len(r.callee.heard)
        await asyncio.sleep(60)
        assert len(r.callee.heard) == heard, "something is still sending"
        return finished

    for step in range(500):
        if run(attempt(step)):
            break
    else:
        raise AssertionError("it never got to its end")
    assert step > 0


def test_a_body_that_is_cancelled_hangs_up_and_passes_it_on() -> None:
    async def main() -> None:
        r = rig()
        r.answer()

        async def body() -> None:
            async with r.phone.dial(NUMBER) as call:
                calls.append(call)
                handles.append(call.play(RampSource(10**6)))
                await asyncio.Event().wait()

        calls: list[Call] = []
        handles: list[Any] = []
        task = asyncio.create_task(body())
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert calls[0].record.disposition is Disposition.COMPLETED
        assert handles[0].ended is PlayoutEnd.CALL_ENDED
        assert handles[0].source.closed == 1
        assert r.transport.leg is None

    run(main())
