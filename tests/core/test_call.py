"""The call that people hold: each way it can go, from end to end, on a linked leg in virtual time."""

from __future__ import annotations

import asyncio
import math
import traceback
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import (
    FRAME,
    NUMBER,
    RATE_HZ,
    AudioKit,
    RampSource,
    StuckSink,
    frame,
    later,
    length,
    load,
    ramp,
    rig,
    run,
    spoken,
    wav_frames,
)

from offhook import AnswerPolicy, AudioFrame, CallPolicy, CallState, Cause, Disposition, EndedBy, LegState, PlayoutEnd
from offhook.errors import (
    CallStateError,
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    JoinFailed,
    JoinTimeout,
    OffhookError,
    PluginError,
    RateLimited,
    RecordingError,
    RequestRejected,
    SourceError,
    SpecError,
    StartAmbiguous,
    TokenRejected,
    TransportUnavailable,
)
from offhook.events import LeaveReason, LegDisconnected, LegReconnected
from offhook.outcome import Outcome
from offhook.record import record_document
from offhook.testing import LinkedTransport, ListSink, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.core.rig import Rig

    from offhook import Call

POLICY = CallPolicy(setup_timeout_s=10, ring_timeout_s=30, grace_s=5, max_duration_s=60, release_timeout_s=2)


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- how a call goes


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
        assert accepted.detail.startswith(f"channel={call.record.channel} token=")

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


# ---- hanging up


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
            await call.hang_up(after="playout")  # nobody has answered
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
        watchers = [asyncio.create_task(call.answered()), asyncio.create_task(call.ended())]
        await asyncio.sleep(1)
        assert not call.over
        await call.hang_up()
        await call.hang_up()
        assert call.over
        assert await asyncio.gather(*watchers) == [False, None]
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


# ---- what keeps it from ringing, and from joining


@pytest.mark.parametrize(
    ("carrier", "transport", "error"),
    [
        (ScriptedCarrier(refuse_check=ConfigError("no keys")), LinkedTransport(), ConfigError),
        (ScriptedCarrier(refuse_check=KeyError("x")), LinkedTransport(), PluginError),
        (ScriptedCarrier(), LinkedTransport(refuse_check=TransportUnavailable("no relay")), TransportUnavailable),
        (ScriptedCarrier(), LinkedTransport(refuse_check=OSError("x")), PluginError),
    ],
)
def test_what_cannot_work_is_refused_before_anything_rings(
    carrier: ScriptedCarrier, transport: LinkedTransport, error: type[OffhookError], tmp_path: Path
) -> None:
    async def main() -> None:
        r = rig(carrier=carrier, transport=transport)
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(error):
            async with call:
                pass
        assert (r.carrier.rung, r.store.journal, call.state) == ([], [], CallState.IDLE)
        assert not (tmp_path / "a.wav").exists(), "no empty recording is left behind"
        assert call.over
        again = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        await again.hang_up()

    run(main())


def test_a_check_that_hangs_is_given_up_before_anything_rings() -> None:
    class Hanging(LinkedTransport):
        async def check(self, endpoint: str | None) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        r = rig(transport=Hanging())
        with pytest.raises(PluginError, match="Hanging' failed in check: no answer within 10 s"):
            async with r.phone.dial(NUMBER):
                pass
        assert r.carrier.rung == []

    run(main())


class Nonsense(ScriptedCarrier):
    async def start_call(self, to: str) -> None:  # type: ignore[override]
        await super().start_call(to)


@pytest.mark.parametrize(
    ("answer", "cause", "rang"),
    [
        (CredentialsRejected("no"), Cause.NOT_AUTHORIZED, "no"),
        (RequestRejected("no"), Cause.CALL_REJECTED, "no"),
        (RateLimited("no"), Cause.SWITCHING_CONGESTION, "no"),
        (CarrierUnavailable("no"), Cause.TEMPORARY_FAILURE, "no"),
        (CarrierProtocolError("no"), Cause.PROTOCOL_ERROR, "unknown"),
        (ValueError("no"), Cause.CALL_REJECTED, "unknown"),
        (StartAmbiguous("no"), Cause.TEMPORARY_FAILURE, "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_is_raised_and_recorded_and_nothing_is_sent_again(
    answer: Exception, cause: Cause, rang: str, tmp_path: Path
) -> None:
    async def main() -> None:
        r = rig(carrier=ScriptedCarrier(answer))
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(OffhookError) as raised:
            async with call:
                pass
        assert raised.value is answer or isinstance(raised.value, PluginError)
        assert call.record.outcome is not None
        assert (call.record.disposition, call.record.outcome.cause) == (Disposition.FAILED, cause)
        assert (call.record.rang, call.record.problem) == (rang, raised.value.message)
        assert len(r.carrier.rung) == 1
        assert r.transport.joins == 0
        assert len(r.store.records) == 1
        assert not (tmp_path / "a.wav").exists(), "no empty recording is left behind"

    run(main())


def test_a_carrier_that_gives_nonsense_is_named() -> None:
    async def main() -> None:
        r = rig(carrier=Nonsense())
        with pytest.raises(PluginError, match=r"Nonsense' failed in start_call: gave NoneType, not a Grant"):
            async with r.phone.dial(NUMBER):
                pass

    run(main())


def test_a_transport_that_gives_nonsense_is_named() -> None:
    class Pigeon(LinkedTransport):
        async def join(self, *arguments: object) -> None:  # type: ignore[override]
            pass

    async def main() -> None:
        r = rig(transport=Pigeon())
        with pytest.raises(PluginError, match=r"Pigeon' failed in join: gave NoneType, not a Leg"):
            async with r.phone.dial(NUMBER):
                pass

    run(main())


def test_a_carrier_that_never_answers_is_ambiguous() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.carrier.gate.clear()
        call = r.phone.dial(NUMBER)
        with pytest.raises(StartAmbiguous, match=r"did not answer within 10 s: .* do not dial again"):
            async with call:
                pass
        assert call.record.outcome == Outcome(Disposition.FAILED, EndedBy.TIMER, Cause.TIMER_EXPIRY)
        assert (call.record.rang, call.record.problem) == ("unknown", "not in the channel within 10 s of dialling")
        assert now() == 12

    run(main())


@pytest.mark.parametrize("error", [JoinFailed("full"), TokenRejected("expired", 9), OSError("x")])
def test_a_channel_that_does_not_let_us_in(error: Exception, tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(transport=LinkedTransport(refuse_join=error))
        call = r.phone.dial(NUMBER, record=tmp_path / "a.wav")
        with pytest.raises(OffhookError) as raised:
            async with call:
                pass
        assert raised.value is error or isinstance(raised.value, PluginError)
        assert call.record.outcome == Outcome(Disposition.FAILED, EndedBy.NETWORK, Cause.NETWORK_OUT_OF_ORDER)
        assert call.record.rang == "assumed", "the carrier took the call"
        assert r.transport.joins == 1
        assert not (tmp_path / "a.wav").exists()

    run(main())


def test_a_join_that_hangs() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.join_gate.clear()
        with pytest.raises(JoinTimeout, match="could not be joined within 10 s"):
            async with r.phone.dial(NUMBER):
                pass
        assert (now(), r.transport.leg) == (12, None)

    run(main())


def test_a_join_that_succeeds_too_late_is_left_again() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.transport.join_gate.clear()
        later(11, r.transport.join_gate.set)
        with pytest.raises(JoinTimeout):
            async with r.phone.dial(NUMBER):
                pass
        assert (now(), r.transport.leg) == (11, None)

    run(main())


def test_a_leg_that_breaks_ends_the_call_and_is_named() -> None:
    class Broken(LinkedTransport):
        pass

    async def main() -> None:
        r = rig()
        r.answer()

        def fail(item: AudioFrame) -> None:
            raise OSError(9, "Bad file descriptor")

        async with r.phone.dial(NUMBER) as call:
            assert r.transport.leg is not None
            name = type(r.transport.leg).__qualname__
            r.transport.leg.send = fail  # type: ignore[method-assign]
            await call.ended()
        assert call.record.disposition is Disposition.FAILED
        assert f"{name}' failed in send: OSError" in call.record.problem
        assert now() == 1

    run(main())


def test_counters_that_cannot_be_read_cost_nothing_else() -> None:
    async def main() -> None:
        r = rig()
        r.answer()

        def fail() -> dict[str, int]:
            raise KeyError("rtt")

        async with r.phone.dial(NUMBER) as call:
            assert r.transport.leg is not None
            r.transport.leg.counters = fail  # type: ignore[method-assign]
            await call.answered()
        assert call.record.disposition is Disposition.COMPLETED
        assert "failed in counters: KeyError" in call.record.problem

    run(main())


# ---- speaking


def test_what_is_played_before_the_answer_is_said_after_it_from_its_start() -> None:
    async def main() -> None:
        r = rig()
        r.answer(at_s=5)
        async with r.phone.dial(NUMBER) as call:
            assert call.queued_ms == 0
            handle = call.play(RampSource(FRAME * 3))
            await asyncio.sleep(4)
            assert (handle.position_ms, r.callee.heard) == (0, [])
            assert call.queued_ms == 60
            assert await handle.done() is PlayoutEnd.COMPLETED
            assert now() == pytest.approx(5.06)
        assert spoken(r.callee) == array("h", ramp(1, FRAME * 3))

    run(main())


def test_specs_sources_frames_and_iterators_are_played_in_order() -> None:
    async def speech() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(ramp(1601, 400), RATE_HZ)
        yield AudioFrame(ramp(2001, 400), RATE_HZ)

    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play("ramp:400")
            call.play(RampSource(400, start=401))
            call.play(AudioFrame(ramp(801, 400), RATE_HZ))
            call.play([AudioFrame(ramp(1201, 400), RATE_HZ)])
            assert await call.play(speech()).done() is PlayoutEnd.COMPLETED
            with pytest.raises(SpecError, match="no audio source is called 'nothing'"):
                call.play("nothing:x")
            with pytest.raises(SourceError, match="bytes cannot be played"):
                call.play(b"\0\0")  # type: ignore[arg-type]
        assert spoken(r.callee) == array("h", ramp(1, 2400))

    run(main())


def test_barge_in_says_how_much_was_said() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert call.clear() == 0
            handle = call.play(RampSource(10 * RATE_HZ))
            await asyncio.sleep(1.01)
            assert call.level_sent_dbfs > -20
            played_ms = call.clear()
            assert handle.ended is PlayoutEnd.CLEARED
            assert played_ms == handle.position_ms == 1000
            await asyncio.sleep(1)
            assert len(spoken(r.callee)) == played_ms * RATE_HZ / 1000
            assert call.level_sent_dbfs == -100

    run(main())


def test_the_verbs_after_the_end_end_at_once() -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer(1)
        later(2, r.callee.leave)
        source, sink, recorded = RampSource(100), ListSink(), ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.ended()
            assert await call.play(source).done() is PlayoutEnd.CALL_ENDED
            assert [item async for item in call.audio()] == []
            assert [entry async for entry in call.events()] == []
            assert call.clear() == 0
            call.listen(sink)
            assert await call.record_for(5, recorded) == 0
            assert (now(), call.queued_ms, call.level_sent_dbfs) == (2, 0, -100)
        assert (source.closed, source.read_samples) == (1, 0)
        assert sink.closed
        assert recorded.closed
        assert length(recorded) == 0

    run(main())


def test_the_verbs_need_a_call_that_was_entered() -> None:
    async def main() -> None:
        call = rig().phone.dial(NUMBER)
        for verb in (call.clear, call.audio, lambda: call.play(RampSource(1)), lambda: call.listen(ListSink())):
            with pytest.raises(CallStateError, match=r"needs a call that was entered: async with phone\.dial"):
                verb()
        with pytest.raises(CallStateError, match=r"record_for\(\) needs a call"):
            await call.record_for(1, ListSink())
        assert (call.level_sent_dbfs, call.level_heard_dbfs, call.queued_ms) == (-100, -100, 0)
        await call.hang_up()

    run(main())


def test_a_source_that_fails_is_in_the_record_and_the_call_goes_on() -> None:
    async def broken() -> AsyncIterator[AudioFrame]:
        yield frame(1)
        raise OSError("the synthesiser is gone")

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handle = call.play(broken())
            assert await handle.done() is PlayoutEnd.FAILED
            await asyncio.sleep(1)
            assert call.state is CallState.ACTIVE
        assert call.record.disposition is Disposition.COMPLETED
        assert "failed in read: OSError: the synthesiser is gone" in call.record.problem
        (entry,) = (entry for entry in call.record.timeline if entry.event == "PluginError")
        assert entry.detail == call.record.problem
        assert not entry.changed

    run(main())


def test_a_source_that_will_not_close_does_not_hold_up_the_end() -> None:
    class Stuck(RampSource):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(Stuck(100_000))
            began = now()
            await call.hang_up()
            assert now() - began == 2
            call.play(Stuck(100_000))  # too late, and stuck all the same
        assert now() - began == 4

    run(main())


# ---- listening


def test_listeners_do_not_disturb_each_other_and_end_with_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(2, 10)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            slow, fast = call.audio(), call.audio()
            heard: list[AudioFrame] = []

            async def read() -> None:
                async for item in fast:
                    heard.append(item)  # noqa: PERF401 - as it comes

            reader = asyncio.create_task(read())
            await asyncio.sleep(14)
        await reader
        assert [item.position for item in heard] == [2 * RATE_HZ + index * FRAME for index in range(500)]
        kept = [item async for item in slow]
        assert [item.position for item in kept] == [item.position for item in heard[-100:]]
        assert (slow.dropped, fast.dropped) == (400, 0)
        assert call.record.counters["frames_dropped_by_listeners"] == 400

    run(main())


def test_a_listener_may_ask_for_another_rate() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        r.talk(2, 1)
        async with r.phone.dial(NUMBER) as call:
            streams = [call.audio(rate_hz=8_000), call.audio(rate_hz=RATE_HZ), call.audio()]
            await asyncio.sleep(4)
        assert kit.resamplers == [("live", RATE_HZ, 8_000)]
        converted, *own = [[item async for item in stream] for stream in streams]
        assert sum(item.samples for item in converted) == 8_000
        assert (converted[0].position, converted[0].rate_hz) == (16_000, 8_000)
        assert own[0] == own[1]

    run(main())


def test_a_talker_whose_clock_starts_over_is_put_where_it_is_heard() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        for at_s, position in ((2.0, 10**9), (2.021, 10**9 + FRAME), (2.5, 10**9 + 24 * FRAME), (3, 0), (3.019, FRAME)):
            later(at_s, r.callee.say, frame(1, position))
        async with r.phone.dial(NUMBER) as call:
            stream = call.audio()
            await asyncio.sleep(4)
        positions = [item.position async for item in stream]
        base, again = 2 * RATE_HZ, 3 * RATE_HZ
        assert positions == [base, base + FRAME, base + 24 * FRAME, again, again + FRAME]

    run(main())


def test_events_are_streamed_and_end_with_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        later(2, r.callee.leave)
        async with r.phone.dial(NUMBER) as call:
            events = [entry.event async for entry in call.events()]
        assert events == ["MemberJoined", "MemberPublished", "MemberLeft", "LegClosed"]

    run(main())


# ---- recording


@pytest.mark.parametrize("offset_s", [0.0, 0.007, 0.0199])
def test_a_recording_has_exactly_the_length_that_was_asked_for(offset_s: float) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1.5 + offset_s, 10)
        sink = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(1)
            assert await call.record_for(3, sink) == 3
            assert now() == 5
        assert length(sink) == 3 * RATE_HZ
        assert sink.frames[0].position == 2 * RATE_HZ
        assert all(2 * RATE_HZ <= item.position <= item.position + item.samples <= 5 * RATE_HZ for item in sink.frames)
        assert sum(item.samples for item in sink.frames) >= 3 * RATE_HZ - FRAME
        assert sink.closed

    run(main())


def test_a_recording_of_silence_is_padded_to_its_length() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert await call.record_for(2.5, "heard.wav") == 2.5
        sink = kit.sinks["heard.wav"]
        assert [item.samples for item in sink.frames] == [0, 0]
        assert length(sink) == 2.5 * RATE_HZ

    run(main())


def test_a_recording_ends_with_the_call_and_says_how_long_it_is() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 10)
        later(3.01, r.callee.leave)
        sink = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            seconds = await call.record_for(60, sink)
        assert seconds == pytest.approx(2.01, abs=0.02)
        assert length(sink) == round(seconds * RATE_HZ)
        assert sink.closed

    run(main())


@pytest.mark.parametrize("duration_s", [0, -1, math.inf, math.nan])
def test_a_recording_needs_a_length(duration_s: float) -> None:
    async def main() -> None:
        async with rig().phone.dial(NUMBER) as call:
            with pytest.raises(ConfigError, match="give a positive, finite number of seconds"):
                await call.record_for(duration_s, ListSink())

    run(main())


def test_a_recording_that_cannot_be_written_is_the_callers_to_know() -> None:
    class Full(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            raise RecordingError("the disk is full")

    async def main() -> None:
        sink = Full()
        async with rig().phone.dial(NUMBER) as call:
            with pytest.raises(RecordingError, match="disk is full"):
                await call.record_for(1, sink)
            assert call.state is CallState.RINGING
        assert sink.closed

    run(main())


def test_a_sink_hears_the_whole_call_even_one_that_stalls() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        r.talk(2, 20)
        stuck = StuckSink()
        later(17.99, stuck.gate.set)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen("recorder:all.wav")
            call.listen(stuck)
            await asyncio.sleep(24)
        sink = kit.sinks["all.wav"]
        assert sum(item.samples for item in sink.frames) == 20 * RATE_HZ
        assert length(sink) == 24 * RATE_HZ
        # 16 s had come when it took its first frame, and 10 s were kept.
        dropped = call.record.counters["frames_dropped_by_listeners"]
        assert dropped == 300
        assert sum(item.samples for item in stuck.frames) == (1000 - dropped) * FRAME
        assert sink.closed
        assert stuck.closed

    run(main())


def test_what_a_listener_lost_stays_counted_when_it_is_gone() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 20)
        stuck = StuckSink()
        later(16.99, stuck.gate.set)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert await call.record_for(15, stuck) == 15
            assert length(stuck) == 0, "it was stuck until the end was marked"
            await asyncio.sleep(1)
        assert call.record.counters["frames_dropped_by_listeners"] == 250

    run(main())


def test_a_sink_that_raises_is_noted_and_the_call_goes_on() -> None:
    class Full(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            if frame.samples:
                raise OSError(28, "No space left on device")

    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 3)
        sink = Full()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen(sink)
            await asyncio.sleep(2)
            assert call.state is CallState.ACTIVE
            assert sink.closed
        assert "Full' failed in write: OSError: [Errno 28] No space left" in call.record.problem
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_both_directions_are_recorded_on_one_timeline(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(2, 1, value=222)
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            await call.answered()
            await asyncio.sleep(2)
            await call.play([frame(111)] * 50).done()
            await call.hang_up()
        samples = array("h", (tmp_path / "mix.wav").read_bytes()[44:])
        left, right = samples[::2], samples[1::2]
        said = [index for index, value in enumerate(left) if value == 111]
        heard = [index for index, value in enumerate(right) if value == 222]
        assert said == list(range(said[0], said[0] + RATE_HZ))
        assert 3 * RATE_HZ <= said[0] <= 3 * RATE_HZ + FRAME
        assert heard == list(range(2 * RATE_HZ, 3 * RATE_HZ))

    run(main())


def test_a_recording_that_fails_half_way_costs_the_recording_not_the_call(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        path = tmp_path / "mix.wav"
        later(3, path.unlink)
        async with r.phone.dial(NUMBER, record=path) as call:
            await call.answered()
            await asyncio.sleep(5)
            assert call.state is CallState.ACTIVE
        assert "it was deleted while it was being written" in call.record.problem
        assert call.record.disposition is Disposition.COMPLETED
        assert any(entry.event == "RecordingError" for entry in call.record.timeline)

    run(main())


def test_a_recording_that_fails_at_the_very_end_is_noted(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        path = tmp_path / "mix.wav"
        async with r.phone.dial(NUMBER, record=path) as call:
            await call.answered()
            await asyncio.sleep(0.05)
            path.unlink()
        assert "it was deleted while it was being written" in call.record.problem

    run(main())


# ---- secrets


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
