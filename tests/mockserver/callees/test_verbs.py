"""What each verb of a script does, in virtual time, in a real room with a caller in it."""

from __future__ import annotations

import asyncio
import math
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.callees.scene import CLIP, FRAME, RATE_HZ, Caller, Scene, tone

from offhook.interfaces.frame import AudioFrame, level_dbfs
from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook.testing.virtual_time import run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.moments import MOST_MOMENTS, MomentCode
from offhook_mockserver.callees.script import (
    VERBS,
    Answer,
    AnsweredElsewhere,
    BargeIn,
    Busy,
    ComeBack,
    Condition,
    Drop,
    Echo,
    HangUp,
    Hold,
    IfHeard,
    ListenFor,
    Mute,
    NeverAnswer,
    Noise,
    Repeat,
    Resume,
    Ring,
    Say,
    SecondDevice,
    Sound,
    Step,
    Tone,
    Unmute,
    Unreachable,
    Voicemail,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def sine(hz: float, frames: int) -> bytes:
    return array("h", [round(8000 * math.sin(2 * math.pi * hz * n / RATE_HZ)) for n in range(frames * FRAME)]).tobytes()


def codes(scene: Scene) -> list[str]:
    return [moment.code.value for moment in scene.callee.history]


def at(scene: Scene, code: MomentCode) -> float:
    """When a moment happened, in seconds from the answer."""
    return next(moment.at_s for moment in scene.callee.history if moment.code is code and moment.at_s is not None)


async def send(caller: Caller, pcm: bytes, first: int = 0) -> int:
    """Speak these samples, frame by frame; returns the index of the next frame."""
    caller.member.publish()
    start_s = asyncio.get_running_loop().time()
    frames = [pcm[n : n + 2 * FRAME] for n in range(0, len(pcm), 2 * FRAME)]
    for index, frame in enumerate(frames):
        caller.member.send(AudioFrame(frame, RATE_HZ, (first + index) * FRAME))
        await asyncio.sleep(start_s + (index + 1) / 50 - asyncio.get_running_loop().time())
    return first + len(frames)


@pytest.mark.parametrize(
    ("steps", "end", "history"),
    [
        ((Ring(1), Busy()), CalleeEnd.BUSY, ["ringing", "busy", "script_done"]),
        ((Busy(),), CalleeEnd.BUSY, ["busy", "script_done"]),
        ((Unreachable(),), CalleeEnd.UNREACHABLE, ["unreachable", "script_done"]),
        (
            (Ring(2), AnsweredElsewhere()),
            CalleeEnd.ANSWERED_ELSEWHERE,
            ["ringing", "answered_elsewhere", "script_done"],
        ),
    ],
)
def test_the_caller_only_sees_that_the_callee_does_not_join(
    steps: Sequence[Step], end: CalleeEnd, history: list[str]
) -> None:
    async def main() -> None:
        scene = Scene(*steps)
        caller = Caller(scene.room)
        assert await scene.end() is end
        assert scene.callee.end is end
        assert end.may_precede_caller
        assert codes(scene) == history
        assert caller.events == []
        assert not scene.callee.answered
        assert scene.callee.finished
        assert scene.callee.unfinished == ()
        assert all(moment.at_s is None for moment in scene.callee.history)

    run_virtual(main())


def test_a_voicemail_greets_beeps_records_and_hangs_up() -> None:
    async def main() -> None:
        scene = Scene(Ring(1), Voicemail(records_s=5), clip=tone(50), keep_audio_s=60)
        caller = Caller(scene.room)
        await asyncio.sleep(4)
        await send(caller, sine(300, 50))
        assert await scene.end() is CalleeEnd.HUNG_UP
        assert caller.left is LeaveReason.QUIT
        assert codes(scene) == [
            *("ringing", "answered", "voicemail", "speaks", "stopped_speaking", "beeped", "hung_up", "script_done")
        ]
        # A second of greeting, 0.4 s of beep, and 5 s of recording.
        assert at(scene, MomentCode.BEEPED) == pytest.approx(1.4, abs=0.03)
        assert at(scene, MomentCode.HUNG_UP) == pytest.approx(6.4, abs=0.03)
        assert len(caller.loud()) == 70
        assert sine(300, 50) in scene.callee.audio().heard

    run_virtual(main())


def test_a_caller_who_hangs_up_after_the_beep_has_left_a_message() -> None:
    async def main(hang_up_at_s: float) -> tuple[bool, list[str]]:
        scene = Scene(Voicemail(), clip=tone(50))
        caller = Caller(scene.room)
        await asyncio.sleep(hang_up_at_s)
        caller.member.leave()
        assert await scene.end() is CalleeEnd.CALLER_LEFT
        assert scene.callee.finished is (scene.callee.unfinished == ())
        return scene.callee.finished, codes(scene)[-2:]

    assert run_virtual(main(0.5)) == (False, ["voicemail", "speaks"])
    assert run_virtual(main(3)) == (True, ["beeped", "script_done"])


def test_a_voicemail_without_a_beep_has_none() -> None:
    async def main() -> None:
        scene = Scene(Voicemail(beep=False, records_s=1), clip=tone(50))
        caller = Caller(scene.room)
        await scene.end()
        assert len(caller.loud()) == 50
        assert "beeped" not in codes(scene)

    run_virtual(main())


def test_barging_in_is_speaking_while_the_caller_speaks() -> None:
    async def main() -> None:
        scene = Scene(Answer(), BargeIn(CLIP, after_s=0.5), HangUp(), clip=tone(10))
        caller = Caller(scene.room)
        await asyncio.sleep(1)
        await send(caller, tone(100))
        assert await scene.end() is CalleeEnd.HUNG_UP
        # Speech counts after 60 ms of it.
        assert scene.callee.spoke_at_s == pytest.approx(1.56, abs=0.03)
        assert scene.callee.stopped_speaking_at_s == pytest.approx(1.76, abs=0.03)

    run_virtual(main())


def test_an_echo_can_be_late() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Echo(delay_s=0.5))
        caller = Caller(scene.room)
        await asyncio.sleep(0.11)
        await send(caller, tone(50))
        await asyncio.sleep(1)
        assert len(caller.loud()) == 50
        assert caller.loud()[0] == pytest.approx(0.61, abs=0.03)
        assert scene.callee.counters()["echo_dropped"] == 0
        scene.running.cancel()

    run_virtual(main())


def test_noise_is_sent_beneath_silence_and_speech() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Noise(-30), Wait(2), Say(CLIP), HangUp(), clip=tone(50))
        caller = Caller(scene.room)
        await scene.end()
        levels = [level_dbfs(frame.pcm) for _, frame in caller.frames]
        assert levels[10:90] == pytest.approx([-30] * 80, abs=1)
        assert min(levels[102:148]) > -17
        spoken = b"".join(frame.pcm for _, frame in caller.frames[-50:])
        assert spoken != tone(50)

    run_virtual(main())


def test_listening_ends_in_time_when_nothing_is_heard() -> None:
    async def main() -> None:
        scene = Scene(Answer(), ListenFor(Sound.SPEECH, within_s=3), HangUp())
        Caller(scene.room)
        assert await scene.end() is CalleeEnd.HUNG_UP
        assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.03)
        nothing = next(m for m in scene.callee.history if m.code is MomentCode.HEARD_NOTHING)
        assert nothing.text == "callee heard no speech within 3 s"

    run_virtual(main())


@pytest.mark.parametrize(("sent_hz", "heard"), [(1000, True), (1005, True), (900, False), (440, False)])
def test_a_tone_is_told_from_other_tones(sent_hz: float, heard: bool) -> None:
    async def main() -> None:
        scene = Scene(Answer(), ListenFor(Tone(1000), within_s=4), HangUp())
        caller = Caller(scene.room)
        await asyncio.sleep(1)
        await send(caller, sine(sent_hz, 50))
        await scene.end()
        assert ("heard_tone" in codes(scene)) is heard
        if heard:
            assert at(scene, MomentCode.HEARD_TONE) == pytest.approx(1.1, abs=0.05)

    run_virtual(main())


def test_muting_is_seen_and_the_callee_hears_all_the_same() -> None:
    async def main() -> None:
        scene = Scene(
            *(Answer(), Wait(1), Mute(), ListenFor(Sound.SPEECH), Say(CLIP), Unmute(), Say(CLIP), HangUp()),
            clip=tone(50),
        )
        caller = Caller(scene.room)
        await asyncio.sleep(2)
        await send(caller, tone(20))
        await scene.end()
        assert caller.when(MemberUnpublished) == pytest.approx(1, abs=0.01)
        published = [when for when, event in caller.events if isinstance(event, MemberPublished)]
        assert len(published) == 2
        # Speech that is said while it is muted takes its time, and is not heard.
        assert len(caller.loud()) == 50
        assert caller.loud()[0] == pytest.approx(published[1], abs=0.03)
        assert codes(scene).count("heard_speech") == 1

    run_virtual(main())


def test_on_hold_neither_hears_the_other() -> None:
    async def main() -> None:
        scene = Scene(
            *(Answer(), Hold(), ListenFor(Sound.SPEECH, within_s=3), Resume(), ListenFor(Sound.SPEECH), HangUp()),
            keep_audio_s=30,
        )
        caller = Caller(scene.room)
        await asyncio.sleep(1)
        after = await send(caller, tone(50))
        assert caller.frames == []
        await asyncio.sleep(3)
        await send(caller, tone(50), first=after + 150)
        await scene.end()
        assert codes(scene) == [
            *("ringing", "answered", "on_hold", "listens", "heard_nothing", "resumed", "listens", "heard_speech"),
            *("hung_up", "script_done"),
        ]
        ear = scene.callee.ear
        assert ear is not None
        assert ear.frames_heard > 50, "frames count as received on hold, too"
        heard = scene.callee.audio().heard
        assert heard[: 6 * RATE_HZ].count(0) == 6 * RATE_HZ

    run_virtual(main())


def test_it_drops_and_comes_back_with_the_same_uid_and_goes_on() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Wait(1), ComeBack(2), Say(CLIP), HangUp(), clip=tone(50))
        caller = Caller(scene.room)
        talking = asyncio.create_task(send(caller, tone(195)))
        await scene.end()
        await talking
        kinds = [(type(event), event.uid) for _, event in caller.events if isinstance(event, MemberJoined | MemberLeft)]
        uid = kinds[0][1]
        assert kinds == [(MemberJoined, uid), (MemberLeft, uid), (MemberJoined, uid), (MemberLeft, uid)]
        assert caller.left is LeaveReason.DROPPED
        assert [when for when, event in caller.events if isinstance(event, MemberJoined)][1] == pytest.approx(
            3, abs=0.03
        )
        assert len(caller.loud()) == 50
        assert scene.room.counters.unheard == 0
        ear = scene.callee.ear
        assert ear is not None
        assert ear.gap_samples == 0, "what it missed while it was away is not a gap"
        # The caller spoke for 3.9 s, and the callee was away for 2 of them.
        assert ear.frames_heard == pytest.approx(95, abs=3)

    run_virtual(main())


@pytest.mark.parametrize("device", [(), (SecondDevice(),)])
def test_a_caller_who_leaves_while_it_is_away_ends_the_call(device: tuple[Step, ...]) -> None:
    async def main() -> None:
        scene = Scene(Answer(), *device, Wait(1), ComeBack(60), Say(CLIP))
        caller = Caller(scene.room)
        await asyncio.sleep(5)
        caller.member.leave()
        assert await scene.end() is CalleeEnd.CALLER_LEFT
        assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.03)
        assert scene.room.members == ()

    run_virtual(main())


def test_a_second_device_joins_muted_and_leaves_with_the_callee() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Wait(1), SecondDevice(), Wait(3))
        caller = Caller(scene.room)
        await asyncio.sleep(2)
        assert len(scene.room.members) == 3
        assert sum(isinstance(event, MemberJoined) for _, event in caller.events) == 2
        assert sum(isinstance(event, MemberPublished) for _, event in caller.events) == 1
        caller.member.leave()
        assert await scene.end() is CalleeEnd.CALLER_LEFT, "the second device is not taken for a caller"
        assert scene.room.members == ()

    run_virtual(main())


@pytest.mark.parametrize("speaks", [True, False])
def test_a_branch_depends_on_whether_the_caller_spoke_since_the_question(speaks: bool) -> None:
    async def main() -> None:
        scene = Scene(
            *(Answer(), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(CLIP)),
            ListenFor(Sound.SPEECH, within_s=3),
            IfHeard(Condition.SPEECH, (Mute(),), (HangUp(),)),
            IfHeard(Condition.SILENCE, (Unmute(),)),
            Drop(),
            clip=tone(50),
        )
        caller = Caller(scene.room)
        await asyncio.sleep(0.5)
        after = await send(caller, tone(50))
        await asyncio.sleep(4)
        if speaks:
            await send(caller, tone(50), first=after + 200)
        assert await scene.end() is (CalleeEnd.DROPPED if speaks else CalleeEnd.HUNG_UP)
        assert codes(scene).count("muted") == speaks
        assert "unmuted" not in codes(scene)

    run_virtual(main())


def test_a_loop_runs_as_often_as_it_says() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Repeat(3, (Say(CLIP), Repeat(2, (Wait(0.5),)))), HangUp(), clip=tone(25))
        caller = Caller(scene.room)
        await scene.end()
        assert len(caller.loud()) == 75
        assert codes(scene).count("repeats") == 9
        assert asyncio.get_running_loop().time() == pytest.approx(4.5, abs=0.1)

    run_virtual(main())


def test_a_branch_that_hangs_up_ends_a_loop() -> None:
    async def main() -> None:
        once = IfHeard(Condition.SILENCE, (HangUp(),))
        scene = Scene(Answer(), Repeat(5, (Wait(1), once, Say(CLIP))), Say(CLIP), clip=tone(25))
        caller = Caller(scene.room)
        assert await scene.end() is CalleeEnd.HUNG_UP
        assert caller.loud() == [], "no step begins after the end"
        assert scene.callee.finished

    run_virtual(main())


def test_what_is_unfinished_is_said_in_words() -> None:
    async def main() -> None:
        scene = Scene(Ring(1), Answer(), Wait(1), Repeat(3, (ListenFor(Sound.SPEECH),)), Say(CLIP), HangUp())
        callee = scene.callee
        caller = Caller(scene.room)
        await asyncio.sleep(0.5)
        assert callee.unfinished[0] == "step 1: rings for 1 s (began before the answer)"
        await asyncio.sleep(3)
        assert not callee.finished
        waiting = asyncio.create_task(callee.until_finished())
        caller.member.leave()
        await scene.end()
        await waiting
        assert not callee.finished
        assert callee.unfinished == (
            "step 4: plays a step 3 times (now listens until the caller speaks; that began 1.0 s after the answer)",
            "step 5: says clip.wav",
            "step 6: hangs up",
        )

    run_virtual(main())


def test_a_script_without_an_end_is_finished_when_its_last_step_is_done() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Wait(1))
        caller = Caller(scene.room)
        await scene.callee.until_finished()
        assert asyncio.get_running_loop().time() == pytest.approx(1, abs=0.01)
        assert scene.callee.finished
        assert scene.callee.end is None
        assert codes(scene)[-1] == "script_done"
        caller.member.leave()
        await scene.end()

    run_virtual(main())


def test_a_callee_who_never_answers_is_done_when_the_caller_gives_up() -> None:
    async def main() -> None:
        scene = Scene(NeverAnswer())
        caller = Caller(scene.room)
        await asyncio.sleep(10)
        assert not scene.callee.finished
        assert codes(scene) == ["ringing"]
        caller.member.leave()
        await scene.callee.until_finished()
        assert scene.callee.finished
        assert await scene.end() is CalleeEnd.GIVEN_UP
        assert codes(scene) == ["ringing", "script_done"]

    run_virtual(main())


def test_the_history_is_bounded_and_counted() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Repeat(900, (Mute(), Unmute())), HangUp())
        Caller(scene.room)
        await scene.end()
        assert len(scene.callee.history) == MOST_MOMENTS
        # Ringing, answered, three moments a round, hung up and done.
        assert scene.callee.moments_dropped == 2 + 3 * 900 + 2 - MOST_MOMENTS
        assert len(scene.changes) == 2 + 3 * 900 + 2, "on_moment is called with all"

    run_virtual(main())


def test_every_code_of_an_end_has_its_words() -> None:
    assert all(end.text for end in CalleeEnd)


def test_every_verb_has_a_name_words_and_a_side() -> None:
    assert {verb.verb for verb in VERBS} == {verb.verb for verb in Step.__subclasses__()}
    assert len({verb.verb for verb in VERBS}) == len(VERBS)


def test_quiet_needs_speech_since_the_callee_last_stopped_speaking() -> None:
    async def main() -> list[float]:
        quiet = ListenFor(Sound.QUIET)
        scene = Scene(Answer(), quiet, Say(CLIP), quiet, Say(CLIP), quiet, quiet, HangUp(), clip=tone(10))
        caller = Caller(scene.room)
        at = 0
        for _ in range(4):
            at = await caller.speak(0.5, at)
            await asyncio.sleep(2)
        await scene.end()
        return [m.at_s for m in scene.callee.history if m.code is MomentCode.HEARD_QUIET and m.at_s is not None]

    heard = run_virtual(main())
    assert [round(s, 1) for s in heard] == [pytest.approx(1.4 + 2.5 * n, abs=0.2) for n in range(4)], (
        "each wait for quiet took a turn of its own"
    )
