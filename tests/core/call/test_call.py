"""The call that people hold: how it goes and ends, from end to end, on a linked leg in virtual time."""

from __future__ import annotations

import asyncio
import traceback
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import (
    FRAME,
    NUMBER,
    POLICY,
    RATE_HZ,
    RampSource,
    frame,
    later,
    now,
    ramp,
    rig,
    run,
    spoken,
    wav_frames,
)

from offhook import AnswerPolicy, CallPolicy, CallState, Cause, Disposition, EndedBy, LegState, PlayoutEnd
from offhook.errors import OffhookError
from offhook.session.events import LeaveReason, LegDisconnected, LegReconnected
from offhook.session.outcome import Outcome
from offhook.session.record import record_document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.rig import Rig

    from offhook import Call


def test_a_whole_call_from_dialling_to_the_callees_goodbye(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(at_s=4)
        r.talk(at_s=4.5, duration_s=2)
        later(8.5, r.callee.leave)
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            assert (call.state, call.leg_state) == (CallState.RINGING, LegState.CONNECTED)
            assert call.record.answered_at_s is None
            assert await call.answered()
            assert call.state is CallState.ACTIVE
            handle = call.play(RampSource(RATE_HZ))
            heard = [item async for item in call.audio()]
            assert await handle.done() is PlayoutEnd.COMPLETED
            assert call.state is CallState.ENDED
        assert len(heard) == 100
        assert heard[0].position == round(4.5 * RATE_HZ)
        assert spoken(r.callee) == array("h", ramp(1, RATE_HZ))
        record = call.record
        assert record.outcome == Outcome(Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING)
        assert record.disposition is Disposition.COMPLETED
        assert (record.rang, record.problem, record.number) == ("assumed", "", "+1415•••0123")
        assert (record.accepted_at_s, record.joined_at_s, record.answered_at_s) == (0, 0, 4)
        assert (record.first_sent_at_s, record.first_heard_at_s, record.ended_at_s) == (4, 4.5, 8.5)
        assert record.counters["frames_heard"] == 100
        assert record.counters["frames_sent"] == len(r.callee.heard) == 225
        assert {name: record.counters[name] for name in ("frames_skipped", "playout_underruns")} == {
            "frames_skipped": 0,
            "playout_underruns": 0,
        }
        assert record.files == {"mix": str(tmp_path / "mix.wav")}
        assert abs(wav_frames(tmp_path / "mix.wav") - 8.5 * RATE_HZ) <= FRAME
        assert r.store.records == {record.call_id: record_document(record)}

    run(main())


def test_the_timeline_says_what_each_step_rests_on() -> None:
    async def main() -> None:
        r = rig()
        r.answer(at_s=3)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(1)
        steps = [
            (entry.at_s, entry.event, entry.call.name, entry.leg.name, entry.evidence.name, entry.grade.name)
            for entry in call.record.timeline
            if entry.changed and entry.evidence and entry.grade
        ]
        assert steps == [
            (0, "Dialed", "DIALING", "NEW", "REQUEST", "OBSERVED"),
            (0, "CallAccepted", "DIALING", "CONNECTING", "ACCEPTED", "OBSERVED"),
            (0, "LegJoined", "RINGING", "CONNECTED", "LEG_JOINED", "ASSUMED"),
            (3, "MemberPublished", "ACTIVE", "CONNECTED", "CALLEE_PUBLISHED", "DOCUMENTED"),
            (4, "HangUpRequested", "ENDING", "CONNECTED", "REQUEST", "OBSERVED"),
            (4, "LegClosed", "ENDED", "CLOSED", "LEG_CLOSED", "OBSERVED"),
        ]
        assert [entry["event"] for entry in r.store.journal] == [entry.event for entry in call.record.timeline]
        assert all(entry["call_id"] == call.record.call_id for entry in r.store.journal)
        accepted = call.record.timeline[1]
        assert accepted.detail.startswith(f"channel={call.record.channel} token_sha256=")

    run(main())


def quits(r: Rig) -> None:
    r.answer(1)
    later(3, r.callee.leave)


def drops(r: Rig) -> None:
    r.answer(1)
    later(3, r.callee.leave, LeaveReason.DROPPED)


def kicked(r: Rig) -> None:
    r.answer(1)
    later(3, r.transport.kick, "banned by the server")


def quits_while_ringing(r: Rig) -> None:
    later(2, r.callee.join)
    later(3, r.callee.leave)


def network_lost(r: Rig) -> None:
    r.answer(1)
    later(3, r.transport.tell, LegDisconnected())


def network_lost_with_a_reason(r: Rig) -> None:
    r.answer(1)
    later(1, r.transport.tell, LegDisconnected("the far end restarts"))
    later(2, r.transport.tell, LegReconnected())
    later(3, r.transport.tell, LegDisconnected("its process was killed"))


@pytest.mark.fault("F19")
@pytest.mark.fault("F34")
@pytest.mark.trap("1.5b")
@pytest.mark.parametrize(
    ("script", "outcome", "ended_at_s", "problem"),
    [
        (quits, Outcome(Disposition.COMPLETED, EndedBy.CALLEE, Cause.NORMAL_CLEARING), 3, ""),
        (
            drops,
            Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
            8,
            "the callee vanished from the channel and did not come back within 5 s",
        ),
        (
            kicked,
            Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.TEMPORARY_FAILURE),
            3,
            "the channel was lost: banned by the server",
        ),
        (
            network_lost,
            Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER),
            8,
            "our connection to the channel broke and did not come back within 5 s",
        ),
        (
            network_lost_with_a_reason,
            Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER),
            8,
            "our connection to the channel broke (its process was killed) and did not come back within 5 s",
        ),
        (quits_while_ringing, Outcome(Disposition.NO_ANSWER, EndedBy.CALLEE, Cause.NORMAL_UNSPECIFIED), 3, ""),
        (lambda _: None, Outcome(Disposition.NO_ANSWER, EndedBy.TIMER, Cause.NO_ANSWER), 30, ""),
        (lambda r: r.answer(1), Outcome(Disposition.COMPLETED, EndedBy.TIMER, Cause.NORMAL_CLEARING), 61, ""),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_way_to_end(script: object, outcome: Outcome, ended_at_s: float, problem: str) -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        assert callable(script)
        script(r)
        async with r.phone.dial(NUMBER) as call:
            answered = await call.answered()
            await call.ended()
            assert call.state is CallState.ENDED
        assert answered == (call.record.answered_at_s is not None)
        assert call.record.outcome == outcome
        assert call.record.ended_at_s == ended_at_s
        assert call.record.problem == problem
        assert r.transport.leg is None
        assert len(r.store.records) == 1

    run(main())


def test_a_callee_who_drops_and_comes_back_in_time_is_talked_to() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        drops(r)
        later(7, r.callee.join)
        later(7, r.callee.publish)
        later(9, r.transport.tell, LegDisconnected())
        later(10, r.transport.tell, LegReconnected())
        async with r.phone.dial(NUMBER) as call:
            await asyncio.sleep(50)
            assert call.state is CallState.ACTIVE
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_the_callee_may_have_joined_and_spoken_before_we_are_in() -> None:
    async def main() -> None:
        r = rig()
        r.callee.join()
        r.callee.publish()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            assert call.record.answered_at_s == 0

    run(main())


def test_what_counts_as_the_answer_can_be_set_per_call() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(answer=AnswerPolicy.CALLEE_JOINED))
        later(1, r.callee.join)
        later(2, r.callee.publish)
        r.talk(3, 0.1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert now() == 1
        r.callee.leave()
        later(1, r.callee.join)
        later(2, r.callee.publish)
        async with r.phone.dial(NUMBER, policy=CallPolicy(answer=AnswerPolicy.FIRST_AUDIO)) as call:
            await call.answered()
            assert now() == 3

    run(main())


def test_early_media_is_heard_while_it_rings() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.talk(1, 0.2)
        async with r.phone.dial(NUMBER, policy=CallPolicy(answer=AnswerPolicy.FIRST_AUDIO, ring_timeout_s=5)) as call:
            first = await anext(call.audio())
            assert first.position == RATE_HZ
            assert call.level_heard_dbfs == pytest.approx(-30.3, abs=0.1)

    run(main())


def test_others_in_the_channel_are_counted_and_not_heard() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        other = r.transport.member(3)
        later(2, other.join)
        later(2.5, other.say, frame(9))
        later(3, other.leave)
        later(4, r.callee.unpublish)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            stream = call.audio()
            await asyncio.sleep(4)
            assert call.state is CallState.ACTIVE
        assert [item async for item in stream] == []
        assert call.record.counters["frames_from_others"] == 1
        assert call.record.first_heard_at_s is None

    run(main())


@pytest.mark.fault("F56")
@pytest.mark.parametrize("kick", [False, True])
def test_no_token_gets_into_anything_that_a_call_leaves_behind(kick: bool) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        token = "007-token-of-ft_call_0000000000000001"
        if kick:
            later(2, r.transport.kick, f"bad token {token}")
        call: Call | None = None
        shown = ""
        try:
            async with r.phone.dial(NUMBER) as call:
                await call.answered()
                call.play(RampSource(100, frame=100))
                await asyncio.sleep(2)
                raise OffhookError(f"about {token}")
        except OffhookError as error:
            shown = repr(error) + "".join(traceback.format_exception_only(error))
        assert call is not None
        left = (shown, repr(r.store.journal), repr(r.store.records), repr(call.record), repr(vars(call)), repr(call))
        assert not [text for text in left if token in text]
        assert ("[secret]" in call.record.problem) == kick
        assert NUMBER not in repr(r.store.journal) + repr(r.store.records)

    run(main())
