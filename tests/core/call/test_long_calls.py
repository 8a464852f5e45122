"""Long calls: token renewal, the connection lost and back, and audio that stops in one direction."""

from __future__ import annotations

import asyncio
import itertools
import wave
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import FRAME, NUMBER, POLICY, RATE_HZ, RampSource, later, load, now, rig, run, spoken

from offhook import AnswerPolicy, CallPolicy, CallState, Cause, Disposition, EndedBy, Grade, Secret, hookimpl
from offhook.errors import ConfigError, TokenRejected
from offhook.session.events import Direction, LegDisconnected, LegReconnected, MemberUnpublished
from offhook.testing import LoopClock, ScriptedCarrier

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import DialRequest
    from offhook.interfaces.grant import Grant

#: As `LoopClock` begins.
EPOCH_S = 1_795_000_000.0


class Mortal(ScriptedCarrier):
    """Its grants end `life_s` after the test began."""

    def __init__(self, life_s: float) -> None:
        super().__init__()
        self._life_s = life_s

    async def start_call(self, request: DialRequest) -> Grant:
        return replace(await super().start_call(request), expires_at_s=EPOCH_S + self._life_s)


class Renewer:
    """Gives fresh grants that live `life_s` from when they are asked for, after a moment; or raises."""

    def __init__(self, life_s: float, *, error: Exception | None = None, times: int = 10**6) -> None:
        self._life_s, self._error, self._times = life_s, error, times
        self.asked: list[float] = []

    @hookimpl
    async def offhook_renew_grant(self, call_id: str, grant: Grant) -> Grant | None:
        self.asked.append(now())
        await asyncio.sleep(0.5)
        if self._error is not None:
            raise self._error
        if len(self.asked) > self._times:
            return None
        token = Secret(f"007-fresh-{len(self.asked)}")
        return replace(grant, token=token, expires_at_s=EPOCH_S + now() + self._life_s)


@pytest.mark.fault("F15")
def test_a_token_is_renewed_without_a_gap_in_the_audio() -> None:
    async def main() -> None:
        renewer = Renewer(40)
        r = rig(policy=CallPolicy(max_duration_s=100, renew_before_s=10), plugins=load(renewer), carrier=Mortal(40))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handle = call.play(RampSource(RATE_HZ * 90 - 1))
            await handle.done()
        assert renewer.asked == [30, 60.5, 91], "10 s before each end"
        assert [grant.token.reveal() for grant in r.transport.renewed] == ["007-fresh-1", "007-fresh-2"]
        heard = spoken(r.callee)
        assert len(heard) == RATE_HZ * 90 - 1
        assert call.record.counters["playout_underruns"] == 0
        assert r.events().count("GrantRenewed") == 2
        assert (call.record.disposition, call.record.problem) == (Disposition.COMPLETED, "")

    run(main())


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    ("renewer", "refusal", "problem"),
    [
        (None, None, "no plugin renews grants (offhook_renew_grant)"),
        (Renewer(60, error=ConfigError("the broker is down")), None, "no plugin returned a fresh grant for this call"),
        (Renewer(60), TokenRejected("the channel refused the fresh token", 8), "the channel refused the fresh token"),
    ],
)
def test_a_token_that_cannot_be_renewed_ends_the_call_cleanly(
    renewer: Renewer | None, refusal: Exception | None, problem: str, tmp_path: Path
) -> None:
    async def main() -> None:
        plugins = load(renewer) if renewer else load()
        r = rig(policy=CallPolicy(renew_before_s=10), plugins=plugins, carrier=Mortal(40))
        r.transport.refuse_renew = refusal
        r.answer(1)
        async with r.phone.dial(NUMBER, record=tmp_path / "a.wav") as call:
            await call.answered()
            call.play(RampSource(RATE_HZ * 600))
            await call.ended()
        assert now() == pytest.approx(39, abs=0.1), "just before the token's own end"
        assert call.record.outcome is not None
        assert (call.record.outcome.ended_by, call.record.outcome.cause) == (EndedBy.TIMER, Cause.NOT_AUTHORIZED)
        assert call.record.problem == f"the token expired and was not renewed: {problem}"
        assert r.transport.leg is None, "the channel was left, not lost"
        assert r.events().count("RenewalFailed") == (1 if renewer is None else 2)
        with wave.open(str(tmp_path / "a.wav")) as file:
            assert file.getnframes() == pytest.approx(39 * RATE_HZ, abs=RATE_HZ // 10)

    if renewer is not None:
        renewer.asked.clear()
    run(main())


def test_a_renewal_that_is_on_its_way_when_the_call_ends_is_given_up() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(renew_before_s=10), plugins=load(Renewer(60)), carrier=Mortal(40))
        r.transport.renew_gate.clear()
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(31 - now())
        assert call.record.disposition is Disposition.COMPLETED
        assert r.transport.renewed == []
        hanging = rig(policy=CallPolicy(renew_before_s=20), plugins=load(Renewer(60)), carrier=Mortal(now() + 40))
        hanging.transport.renew_gate.clear()
        hanging.answer(1)
        async with hanging.phone.dial(NUMBER) as call:
            await call.ended()
        assert "LinkedLeg' failed in renew: no answer within 10 s" in call.record.problem

    run(main())


@pytest.mark.fault("F17")
def test_a_wall_clock_that_steps_in_mid_call_moves_no_deadline() -> None:
    class Stepping(LoopClock):
        step_s = 0.0

        def wall_s(self) -> float:
            return super().wall_s() + self.step_s

    async def main() -> None:
        for step_s in (600, -600):
            clock = Stepping()
            r = rig(policy=CallPolicy(renew_before_s=10), carrier=Mortal(now() + 40))
            r.phone = type(r.phone)(
                carrier=r.carrier, transport=r.transport, store=r.store, policy=r.phone.policy, plugins=load(),
                clock=clock,
            )  # fmt: skip
            start = now()
            r.answer(1)
            async with r.phone.dial(NUMBER) as call:
                await call.answered()
                clock.step_s = step_s
                await call.ended()
            assert now() - start == pytest.approx(39, abs=0.1)
            times = [entry.at_s for entry in call.record.timeline]
            assert times == sorted(times)

    run(main())


# ---- the connection


@pytest.mark.fault("F23")
def test_a_blackout_of_three_seconds_is_marked_and_nothing_that_is_said_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.answer(1)
        later(3, r.transport.tell, LegDisconnected())
        later(6, r.transport.tell, LegReconnected())
        async with r.phone.dial(NUMBER, record=tmp_path / "a.wav") as call:
            await call.answered()
            handle = call.play(RampSource(RATE_HZ * 4))
            await asyncio.sleep(3)
            held = handle.position_ms
            await asyncio.sleep(1)
            assert handle.position_ms == held == pytest.approx(2000, abs=20)
            await handle.done()
        assert [(gap.start_s, gap.end_s) for gap in call.record.gaps] == [(3, 6)]
        assert r.events().count("LegDisconnected") == r.events().count("LegReconnected") == 1
        assert len(spoken(r.callee)) == RATE_HZ * 4, "the callee heard all of it"
        positions = [frame.position for frame in r.callee.heard]
        jumps = [(a, b - a) for a, b in itertools.pairwise(positions) if b - a != FRAME]
        assert jumps == [(RATE_HZ * 3 - FRAME, RATE_HZ * 3 + FRAME)]
        assert call.record.disposition is Disposition.COMPLETED
        with wave.open(str(tmp_path / "a.wav")) as file:
            samples = array("h", file.readframes(file.getnframes()))[::2]
        silent = samples[RATE_HZ * 3 + FRAME : RATE_HZ * 6]
        assert not any(silent)
        assert len(silent) == RATE_HZ * 3 - FRAME
        assert all(samples[RATE_HZ * 6 + FRAME : RATE_HZ * 7])
        assert r.store.records[call.record.call_id]["gaps"] == [{"start_s": 3.0, "end_s": 6.0}]

    run(main())


@pytest.mark.fault("F24")
def test_a_blackout_for_good_ends_the_call_in_its_grace(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.answer(1)
        later(3, r.transport.tell, LegDisconnected())
        later(4, r.transport.tell, LegDisconnected())
        async with r.phone.dial(NUMBER, record=tmp_path / "a.wav") as call:
            await call.answered()
            handle = call.play(RampSource(RATE_HZ * 60))
            await call.ended()
        assert now() == pytest.approx(3 + POLICY.grace_s)
        assert r.transport.leg is None, "it was left all the same"
        assert call.record.disposition is Disposition.FAILED
        assert "did not come back within 5 s" in call.record.problem
        assert [(gap.start_s, gap.end_s) for gap in call.record.gaps] == [(3, None)]
        assert handle.position_ms == pytest.approx(2000, abs=20)
        with wave.open(str(tmp_path / "a.wav")) as file:
            assert file.getnframes() > 2.9 * RATE_HZ

    run(main())


def test_an_answer_during_a_blackout_is_spoken_to_when_the_connection_is_back() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        later(1, r.transport.tell, LegDisconnected())
        r.answer(2)
        later(4, r.transport.tell, LegReconnected())
        later(4.5, r.transport.tell, LegReconnected())
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            handle = call.play(RampSource(RATE_HZ))
            await asyncio.sleep(1.5)
            assert r.callee.heard == []
            await handle.done()
        assert r.callee.heard[0].position == 4 * RATE_HZ
        assert len(spoken(r.callee)) == RATE_HZ

    run(main())


# ---- one-way audio


@pytest.mark.fault("F25")
def test_a_callee_who_cannot_be_heard_is_noted_within_three_seconds() -> None:
    async def main() -> None:
        r = rig(policy=POLICY)
        r.answer(1)
        r.talk(1, 2)
        r.talk(10, 2)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(30)
        noted = [(entry.event, entry.at_s, entry.detail) for entry in call.record.timeline if "Audio" in entry.event]
        assert [name for name, _, _ in noted] == ["AudioHeard", "AudioLost", "AudioReturned", "AudioLost"]
        assert [at for _, at, _ in noted] == pytest.approx([1, 5.98, 10, 14.98])
        assert noted[1][2] == f"direction={Direction.HEARD.value}"
        assert call.record.disposition is Disposition.COMPLETED, "it is noted, and the call goes on"

    run(main())


@pytest.mark.fault("F25")
def test_a_call_can_be_made_to_end_on_lost_audio() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(end_on_audio_loss=True, audio_timeout_s=1.5))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await call.ended()
        assert now() == pytest.approx(2.5)
        assert call.record.problem == "no audio for 1.5 s in one direction"

    run(main())


def test_a_callee_who_muted_or_is_away_is_not_expected_to_be_heard() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(grace_s=20))
        r.answer(1)
        later(2, r.callee.unpublish)
        later(10, r.callee.publish)
        later(12, r.transport.tell, LegDisconnected())
        later(25, r.transport.tell, LegReconnected())
        later(26, r.transport.tell, MemberUnpublished(99))
        later(28.5, r.callee.unpublish)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(40)
        assert "AudioLost" in r.events()
        assert [entry.at_s for entry in call.record.timeline if entry.event == "AudioLost"] == [28]

    run(main())


@pytest.mark.fault("F20")
@pytest.mark.parametrize("answer", [AnswerPolicy.CALLEE_PUBLISHED, AnswerPolicy.FIRST_AUDIO])
def test_audio_that_comes_first_is_kept_and_the_answer_says_what_it_rests_on(answer: AnswerPolicy) -> None:
    """Early media looks like an answer: whatever the policy makes of it, evidence and grade are written."""

    async def main() -> None:
        r = rig(policy=CallPolicy(answer=answer))
        later(1, r.callee.join)
        r.talk(2, 1)
        async with r.phone.dial(NUMBER) as call:
            stream = call.audio()
            await asyncio.sleep(2.5)
        assert (await anext(stream)).position == 2 * RATE_HZ, "the first frame was kept"
        (active,) = [e for e in call.record.timeline if e.changed and e.call is CallState.ACTIVE]
        assert (active.event, active.grade) == (
            ("AudioHeard", Grade.DOCUMENTED if answer is AnswerPolicy.CALLEE_PUBLISHED else Grade.ASSUMED)
        )

    run(main())
