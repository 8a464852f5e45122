"""Hanging up: idempotent, terminal and bounded, at whatever moment it comes."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import (
    NUMBER,
    POLICY,
    RATE_HZ,
    RampSource,
    later,
    now,
    ramp,
    rig,
    run,
    spoken,
)

from offhook import CallState, Cause, Disposition, EndedBy, PlayoutEnd
from offhook.errors import CallStateError
from offhook.session.outcome import Outcome
from offhook.testing import LinkedTransport

if TYPE_CHECKING:
    from pathlib import Path


def test_hanging_up_is_idempotent_terminal_and_safe_from_several_tasks() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.gather(*(call.hang_up() for _ in range(5)))
            assert call.state is CallState.ENDED
            await call.hang_up()
            await call.ended()
            assert await call.answered()
            assert r.transport.leg is None
        assert r.events().count("HangUpRequested") == 1

    run(main())


def test_settled_works_for_one_more_version_and_names_its_successor() -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER)
        with pytest.warns(DeprecationWarning, match=r"use Call\.over, or await Call\.ended\(\)") as warned:
            assert not call.settled
        assert warned[0].filename == __file__
        async with call:
            pass
        with pytest.warns(DeprecationWarning, match="settled"):
            assert call.settled

    run(main())


def test_a_release_that_hangs_is_bounded() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.leave_gate.clear()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            began = now()
            await call.hang_up()
            assert now() - began == pytest.approx(2, abs=0.01)
        assert call.record.outcome == Outcome(Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING)
        assert call.record.problem.endswith("LinkedLeg' failed in leave: no answer within 2 s")

    run(main())


def test_the_last_word_is_not_cut_when_hanging_up_after_the_playout() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            began = now()
            handle = call.play(RampSource(RATE_HZ))
            await call.hang_up(after="playout")
            assert handle.ended is PlayoutEnd.COMPLETED
            assert now() - began == pytest.approx(1.22, abs=0.021), "a second, its last frame and the tail"
        assert spoken(r.callee) == array("h", ramp(1, RATE_HZ))

    run(main())


def test_hanging_up_after_the_playout_does_not_wait_for_what_will_never_be_said() -> None:
    async def main() -> None:
        r = rig()
        async with r.phone.dial(NUMBER) as call:
            handle = call.play(RampSource(RATE_HZ))
            await call.hang_up(after="playout")  # there was no answer
            assert now() == 0
            assert await handle.done() is PlayoutEnd.CALL_ENDED

        r.answer()
        later(2, r.callee.leave)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handle = call.play(RampSource(60 * RATE_HZ))
            await call.hang_up(after="playout")  # the callee does not wait for the last word
            assert now() == pytest.approx(2.2)
        assert await handle.done() is PlayoutEnd.CALL_ENDED
        assert call.record.outcome is not None
        assert call.record.outcome.ended_by is EndedBy.CALLEE

    run(main())


def test_the_caller_hangs_up_while_dialling_from_another_task() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        call = r.phone.dial(NUMBER)
        later(3, lambda: hanging.append(asyncio.ensure_future(call.hang_up())))
        hanging: list[asyncio.Future[None]] = []
        async with call:
            assert not await call.answered()
        assert call.record.outcome == Outcome(Disposition.CANCELED, EndedBy.CALLER, Cause.NORMAL_CLEARING)
        assert (call.record.rang, r.transport.joins) == ("unknown", 0)
        assert now() == pytest.approx(5), "the carrier's answer was waited for as long as a release may take"
        await hanging[0]

    run(main())


def test_a_grant_that_comes_after_the_hang_up_is_joined_and_left_at_once() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        call = r.phone.dial(NUMBER)
        hanging: list[asyncio.Future[None]] = []
        later(3, lambda: hanging.append(asyncio.ensure_future(call.hang_up())))
        later(4, r.carrier.gate.set)
        async with call:
            pass
        assert (now(), r.transport.joins, r.transport.leg) == (4, 1, None)
        assert [entry.event for entry in call.record.timeline] == [
            "Dialed",
            "HangUpRequested",
            "CallAccepted",
            "LegJoined",
            "LegClosed",
        ]
        assert call.record.disposition is Disposition.CANCELED
        assert call.record.rang == "assumed"
        await hanging[0]

    run(main())


def test_a_call_that_was_hung_up_before_it_was_dialled_never_rings(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        for early in (call.answered(), call.ended()):
            with pytest.raises(CallStateError, match=r"needs a call that was entered: async with phone\.dial"):
                await early  # it would wait for ever
        assert not call.over
        await call.hang_up()
        await call.hang_up()
        assert call.over
        assert await asyncio.gather(call.answered(), call.ended()) == [False, None]
        assert not (tmp_path / "a.wav").exists()
        with pytest.raises(CallStateError, match="dialled or hung up already"):
            async with call:
                pass
        assert r.carrier.rung == []

    run(main())


class SlowTransport(LinkedTransport):
    """Takes a second to find out whether it is ready."""

    async def check(self, endpoint: str | None) -> None:
        await asyncio.sleep(1)
        await super().check(endpoint)


def test_a_hang_up_while_readiness_is_checked_keeps_it_from_ringing(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(transport=SlowTransport())
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        entering = asyncio.create_task(call.__aenter__())
        await asyncio.sleep(0.5)
        await call.hang_up()
        with pytest.raises(CallStateError, match="hung up before it was dialled: nothing has rung"):
            await entering
        assert r.carrier.rung == []
        assert not (tmp_path / "a.wav").exists()

    run(main())


def test_one_call_rings_once_however_often_it_is_entered() -> None:
    async def main() -> None:
        r = rig(transport=SlowTransport())
        call = r.phone.dial(NUMBER)
        entries = await asyncio.gather(*(call.__aenter__() for _ in range(3)), return_exceptions=True)
        assert sum(isinstance(entry, CallStateError) for entry in entries) == 2
        with pytest.raises(CallStateError, match="make a new one with phone"):
            await call.__aenter__()
        assert len(r.carrier.rung) == 1
        await call.hang_up()

    run(main())


@pytest.mark.fault("F33")
def test_an_exception_in_the_body_hangs_up_and_passes() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        call = r.phone.dial(NUMBER)

        async def body() -> None:
            async with call:
                await call.answered()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await body()
        assert call.record.outcome == Outcome(Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING)
        assert r.transport.leg is None

    run(main())
