"""Scripted callees, in virtual time, with a real room and a real caller in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.callees.scene import CLIP, FRAME, RATE_HZ, Caller, Scene, Tape, tone

from offhook.errors import ConfigError, SourceError, StorageError
from offhook.interfaces.frame import AudioFrame
from offhook.plugin import Plugins
from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished
from offhook.testing.virtual_time import run_virtual
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.numbers import NUMBERS
from offhook_mockserver.callees.script import (
    Answer,
    Decline,
    Drop,
    Echo,
    HangUp,
    ListenFor,
    NeverAnswer,
    Ring,
    Say,
    Script,
    Sound,
    Step,
    Wait,
)
from offhook_mockserver.callees.speech import MAX_SPEECH_S, Speech
from offhook_mockserver.callees.summaries import DEFAULT_NUMBER, table
from offhook_mockserver.callees.usual import script_for
from offhook_mockserver.callees.voice import load_speech

if TYPE_CHECKING:
    from collections.abc import Callable


def test_it_rings_answers_publishes_and_waits_for_the_hang_up() -> None:
    async def main() -> None:
        scene = Scene(Ring(1.5), Answer())
        caller = Caller(scene.room)
        await asyncio.sleep(1.4)
        assert not scene.callee.answered
        assert caller.events == []
        await asyncio.sleep(10)
        assert caller.when(MemberJoined) == caller.when(MemberPublished) == pytest.approx(1.5)
        caller.member.leave()
        assert await scene.end() is CalleeEnd.CALLER_LEFT
        assert scene.room.members == ()

    run_virtual(main())


def test_from_the_answer_on_there_is_a_frame_every_20_ms_without_gap_or_drift() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Say(CLIP), Wait(1), Say(CLIP), HangUp(), clip=tone(25))
        caller = Caller(scene.room)
        assert await scene.end() is CalleeEnd.HUNG_UP
        assert [frame.position for _, frame in caller.frames] == [n * FRAME for n in range(len(caller.frames))]
        assert max(abs(at - n / 50) for n, (at, _) in enumerate(caller.frames)) < 0.005
        assert len(caller.loud()) == 50
        assert caller.left is LeaveReason.QUIT

    run_virtual(main())


def test_what_it_says_arrives_sample_for_sample() -> None:
    clip = tone(25) + b"\1\1" * 7

    async def main() -> None:
        scene = Scene(Answer(), Say(CLIP), HangUp(), clip=clip)
        caller = Caller(scene.room)
        await scene.end()
        heard = b"".join(frame.pcm for _, frame in caller.frames)
        assert clip in heard

    run_virtual(main())


@pytest.mark.parametrize("silent", [Decline(), NeverAnswer()])
def test_a_callee_who_does_not_answer_never_joins(silent: Step) -> None:
    async def main() -> None:
        scene = Scene(Ring(2), silent)
        caller = Caller(scene.room)
        await asyncio.sleep(30)
        assert caller.events == []
        assert caller.frames == []
        assert scene.running.done() is isinstance(silent, Decline)
        caller.member.leave()
        end = await scene.end()
        assert end is (CalleeEnd.DECLINED if isinstance(silent, Decline) else CalleeEnd.GIVEN_UP)
        assert scene.callee.ear is None

    run_virtual(main())


def test_a_caller_who_was_in_for_less_than_a_turn_of_the_loop_stops_the_ringing() -> None:
    async def main() -> None:
        scene = Scene(Ring(60), Answer())
        await asyncio.sleep(3)
        Caller(scene.room).member.leave()
        assert await scene.end() is CalleeEnd.GIVEN_UP
        assert asyncio.get_running_loop().time() == 3

    run_virtual(main())


def test_a_caller_who_leaves_in_the_moment_of_the_answer_is_not_answered() -> None:
    async def main() -> None:
        scene = Scene(Ring(2), Answer())
        caller = Caller(scene.room)
        asyncio.get_running_loop().call_at(2, caller.member.leave)
        assert await scene.end() is CalleeEnd.GIVEN_UP
        assert asyncio.get_running_loop().time() == 2
        assert scene.callee.ear is None

    run_virtual(main())


def test_a_caller_who_leaves_stops_the_ringing() -> None:
    async def main() -> None:
        scene = Scene(Ring(60), Answer())
        caller = Caller(scene.room)
        await asyncio.sleep(3)
        caller.member.leave()
        assert await scene.end() is CalleeEnd.GIVEN_UP
        assert asyncio.get_running_loop().time() < 3.2
        assert not scene.callee.answered

    run_virtual(main())


@pytest.mark.parametrize("steps", [(Ring(100), Answer()), (Ring(1), Answer())])
def test_a_caller_who_never_joins_is_given_up(steps: tuple[Step, ...]) -> None:
    async def main() -> None:
        scene = Scene(*steps, join_window_s=20)
        assert await scene.end() is CalleeEnd.CALLER_ABSENT
        assert asyncio.get_running_loop().time() < 22

    run_virtual(main())


def test_a_drop_is_not_a_hang_up() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Say(CLIP, duration_s=0.3), Drop(), clip=tone(100))
        caller = Caller(scene.room)
        assert await scene.end() is CalleeEnd.DROPPED
        assert caller.left is LeaveReason.DROPPED
        assert len(caller.loud()) == 15

    run_virtual(main())


def test_a_caller_who_drops_may_come_back_in_time() -> None:
    async def main() -> None:
        scene = Scene(Answer(), grace_s=5)
        caller = Caller(scene.room)
        await asyncio.sleep(1)
        caller.member.leave(LeaveReason.DROPPED)
        await asyncio.sleep(4)
        again = Caller(scene.room)
        await asyncio.sleep(20)
        assert scene.callee.answered
        assert not scene.running.done()
        again.member.leave(LeaveReason.DROPPED)
        assert await scene.end() is CalleeEnd.CALLER_DROPPED
        assert asyncio.get_running_loop().time() == pytest.approx(30, abs=0.1)

    run_virtual(main())


def test_a_call_ends_at_its_time_limit() -> None:
    async def main() -> None:
        scene = Scene(Answer(), max_call_s=100)
        caller = Caller(scene.room)
        assert await scene.end() is CalleeEnd.TIME_LIMIT
        assert asyncio.get_running_loop().time() == pytest.approx(100)
        assert caller.left is LeaveReason.QUIT

    run_virtual(main())


def test_it_replies_when_the_caller_has_spoken_and_paused_but_not_at_a_short_breath() -> None:
    async def main() -> None:
        scene = Scene(Answer(), ListenFor(Sound.SPEECH), ListenFor(Sound.QUIET), Say(CLIP), clip=tone(10))
        caller = Caller(scene.room)
        await asyncio.sleep(5)
        assert caller.loud() == []
        after = await caller.speak(1)
        await asyncio.sleep(0.4)
        await caller.speak(1, first=after + 20)
        assert caller.loud() == []
        quiet_from = asyncio.get_running_loop().time()
        await asyncio.sleep(3)
        assert 0.7 <= caller.loud()[0] - quiet_from <= 1.0
        scene.running.cancel()

    run_virtual(main())


def test_it_hangs_up_in_the_middle_of_what_the_caller_says() -> None:
    async def main() -> None:
        scene = Scene(Answer(), ListenFor(Sound.SPEECH), Wait(0.8), HangUp())
        caller = Caller(scene.room)
        await caller.speak(3)
        assert await scene.end() is CalleeEnd.HUNG_UP
        left = caller.when(MemberLeft)
        assert left is not None
        assert 0.8 < left < 1.0

    run_virtual(main())


def test_an_echo_comes_back_at_once_and_whole() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Echo())
        caller = Caller(scene.room)
        await asyncio.sleep(0.11)
        await caller.speak(1)
        await asyncio.sleep(0.2)
        assert len(caller.loud()) == 50
        assert caller.loud()[0] - 0.11 <= 0.03
        scene.running.cancel()

    run_virtual(main())


def test_it_remembers_what_it_heard_on_one_timeline_from_the_answer() -> None:
    async def main() -> None:
        tape = Tape()
        scene = Scene(Ring(1), Answer(), tape=tape)
        caller = Caller(scene.room)
        await asyncio.sleep(1.5)
        after = await caller.speak(1)
        await asyncio.sleep(1)
        await caller.speak(0.5, first=after + 50)
        await asyncio.sleep(0.5)
        caller.member.leave()
        await scene.end()
        ear = scene.callee.ear
        assert ear is not None
        assert ear.first_audio_s == pytest.approx(0.5, abs=0.02)
        assert (ear.frames_heard, ear.gap_samples, ear.frames_unrecorded) == (75, RATE_HZ, 0)
        assert tape.closed == 1
        assert (tape.frames[0].position, tape.frames[0].samples) == (0, 0), "the recording begins with the answer"
        assert tape.frames[1].position == pytest.approx(0.5 * RATE_HZ, abs=FRAME)
        assert tape.frames[51].position - tape.frames[50].position == RATE_HZ + FRAME
        assert tape.end == pytest.approx(3.5 * RATE_HZ, abs=FRAME), "and lasts until the end"

    run_virtual(main())


@pytest.mark.parametrize("error", [StorageError("disk full"), ZeroDivisionError("a plugin's own")])
@pytest.mark.parametrize("closing", [None, StorageError("disk full"), ZeroDivisionError("a plugin's own")])
def test_a_recording_that_fails_does_not_hurt_the_call(error: Exception, closing: Exception | None) -> None:
    async def main() -> None:
        tape = Tape(broken_after=5, error=error, closing=closing)
        scene = Scene(Answer(), tape=tape)
        caller = Caller(scene.room)
        await asyncio.sleep(0.01)
        await caller.speak(1)
        caller.member.leave()
        assert await scene.end() is CalleeEnd.CALLER_LEFT
        ear = scene.callee.ear
        assert ear is not None
        assert ear.frames_heard == 50
        assert ear.frames_unrecorded > 40
        assert tape.closed == 1

    run_virtual(main())


def test_closing_the_channel_ends_it() -> None:
    async def main() -> None:
        for steps in ((Answer(),), (Ring(100), Answer())):
            scene = Scene(*steps)
            Caller(scene.room)
            await asyncio.sleep(1)
            scene.room.close()
            assert await scene.end() is CalleeEnd.ROOM_CLOSED

    run_virtual(main())


def test_cancelling_leaves_the_room_and_finishes_the_recording() -> None:
    async def main() -> None:
        tape = Tape()
        scene = Scene(Answer(), tape=tape)
        caller = Caller(scene.room)
        await caller.speak(0.5)
        scene.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scene.running
        assert [member.uid for member in scene.room.members] == [7]
        assert tape.closed == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


@pytest.mark.parametrize(
    "steps", [(Say(CLIP),), (Answer(), Ring(1)), (Answer(), Decline()), (HangUp(),), (Answer(), Answer())]
)
def test_a_script_in_the_wrong_order_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ConfigError, match="Answer"):
        Script("wrong", steps)


def test_the_table_has_only_fictional_numbers_and_describes_them() -> None:
    assert DEFAULT_NUMBER == "+14155550123"
    for number, script in NUMBERS.items():
        assert number.startswith("+141555501")
        assert len(number) == 12
        assert f"{number}  {script.summary}" in table()
    assert script_for("+4930123456") is NUMBERS[DEFAULT_NUMBER]


@pytest.mark.parametrize(
    "does", [HangUp, NeverAnswer, Decline, Drop, Echo, ListenFor, lambda step: isinstance(step, Say)]
)
def test_the_table_has_every_kind_of_callee(does: Callable[[Step], bool] | type[Step]) -> None:
    steps = [step for script in NUMBERS.values() for step in script.steps]
    assert any(isinstance(step, does) if isinstance(does, type) else does(step) for step in steps)
    assert all(speech.path.is_file() for step in steps for speech in step.speeches if speech.path is not None)


@pytest.mark.parametrize(
    "position_of",
    [
        lambda index: index * FRAME,
        lambda index: index * FRAME + (index % 2) * 2**40,
        lambda index: (index % 2) * 15_000,
        lambda index: 0,
        lambda index: index * RATE_HZ,
    ],
    ids=["steady", "leaps", "back and forth", "still", "a second each"],
)
def test_a_recording_is_as_long_as_the_call_whatever_the_talker_sends(position_of: Callable[[int], int]) -> None:
    async def main() -> None:
        tape = Tape()
        scene = Scene(Answer(), tape=tape)
        caller = Caller(scene.room)
        caller.member.publish()
        await asyncio.sleep(0.01)
        sent = 0
        for _ in range(200):
            for _ in range(20):
                caller.member.send(AudioFrame(bytes(2 * FRAME), RATE_HZ, position_of(sent)))
                sent += 1
            await asyncio.sleep(0.02)
        await asyncio.sleep(3)
        caller.member.leave()
        await scene.end()
        ear = scene.callee.ear
        assert ear is not None
        assert tape.end == pytest.approx(7.01 * RATE_HZ, abs=2 * FRAME)
        assert max(frame.position for frame in tape.frames[:-1]) < 6.2 * RATE_HZ, "never more than 2 s ahead"
        ends = [frame.position + frame.samples for frame in tape.frames]
        assert all(frame.position >= end for frame, end in zip(tape.frames[1:], ends, strict=False))
        assert ear.frames_too_fast + scene.room.counters.audio_too_fast + ear.frames_heard == sent
        assert scene.callee.counters()["frames_too_fast"] == ear.frames_too_fast

    run_virtual(main())


def test_two_talkers_at_once_do_not_make_the_recording_longer() -> None:
    async def main() -> None:
        tape = Tape()
        scene = Scene(Answer(), tape=tape)
        caller = Caller(scene.room)
        other = scene.room.join_pcm(8, caller)
        caller.member.publish()
        other.publish()
        await asyncio.sleep(0.01)
        for index in range(500):
            for member in (caller.member, other):
                member.send(AudioFrame(bytes(2 * FRAME), RATE_HZ, index * FRAME))
            await asyncio.sleep(0.02)
        other.leave()
        caller.member.leave()
        await scene.end()
        assert tape.end <= 12.1 * RATE_HZ

    run_virtual(main())


@pytest.mark.fault("F55")
@pytest.mark.parametrize(("speeches", "fits"), [(6, True), (7, False)])
def test_all_speech_of_a_script_together_has_a_limit(speeches: int, fits: bool) -> None:
    async def main() -> None:
        ten_minutes = bytes(2 * MAX_SPEECH_S * RATE_HZ)
        scene = Scene(Answer(), *(Say(f"tone:{440 + n},600") for n in range(speeches)), clip=ten_minutes)
        Caller(scene.room)
        await asyncio.sleep(1)
        assert scene.callee.answered is fits
        if fits:
            scene.room.close()
            assert await scene.end() is CalleeEnd.ROOM_CLOSED
        else:
            with pytest.raises(SourceError, match="all audio of the script is longer than 3,600 s"):
                await scene.end()

    run_virtual(main())


def test_a_long_speech_that_is_made_leaves_others_their_turns() -> None:
    async def main() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        await load_speech(Plugins.load(), Speech.of("silence:60", None, "x"), RATE_HZ)
        task.cancel()
        assert turns >= 6

    run_virtual(main())
