"""The scripted callee: it rings, answers by joining the room as a PCM member, speaks, listens and leaves.

The caller sees what Agora would show: a callee who declines or never answers is never heard, one who hangs up quits,
and one whose network fails is dropped. Whether the bridge joins when ringing starts or at the answer is not known, and
neither is whether the callee's call ends when the caller leaves: both are arguments.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, LegClosed, MemberJoined, MemberLeft
from offhook_mockserver.callees.ear import CalleeEar
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
    Wait,
)
from offhook_mockserver.callees.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.interfaces import AudioFrame, AudioSink
    from offhook_mockserver.callees.script import Step
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.timers import Timer, Timers


class CalleeEnd(Enum):
    """How a callee's part ended."""

    DECLINED = "declined"
    HUNG_UP = "hung_up"
    DROPPED = "dropped"
    GIVEN_UP = "given_up"
    CALLER_LEFT = "caller_left"
    CALLER_DROPPED = "caller_dropped"
    CALLER_ABSENT = "caller_absent"
    ROOM_CLOSED = "room_closed"
    TIME_LIMIT = "time_limit"
    FAILED = "failed"

    @property
    def text(self) -> str:
        """A description of the end, for people."""
        return _ENDS[self]


_ENDS: Final[Mapping[CalleeEnd, str]] = {
    CalleeEnd.DECLINED: "callee declined",
    CalleeEnd.HUNG_UP: "callee hung up",
    CalleeEnd.DROPPED: "callee dropped",
    CalleeEnd.GIVEN_UP: "caller gave up before the answer",
    CalleeEnd.CALLER_LEFT: "caller hung up",
    CalleeEnd.CALLER_DROPPED: "caller dropped",
    CalleeEnd.CALLER_ABSENT: "caller never joined",
    CalleeEnd.ROOM_CLOSED: "channel closed",
    CalleeEnd.TIME_LIMIT: "the call reached its time limit",
    CalleeEnd.FAILED: "the callee's script failed",
}


class Callee:
    """One callee in one call.

    Args:
        room: the room that it joins when it answers.
        script: what it does.
        load_speech: returns the samples of a file at the room's rate.
        open_recording: called at the answer; opens the recording of what it hears, or returns None.
        on_change: called with "ringing", "answered" and other changes, for people.
        max_call_s: how long its part may last.
        join_window_s: how long it waits for a caller to join.
        grace_s: how long a caller that dropped may be away.
        timers: measures these three times; the running loop by default.
        joins_at_ringing: whether its member joins when ringing starts; it publishes at the answer in any case.
        stays_when_caller_leaves: whether it goes on when the caller leaves or drops, before the answer as well.

    Attributes:
        uid: its uid in the room; None before it joins.
        ear: what it heard; None before the answer.
        answered: whether it answered.
    """

    def __init__(
        self,
        room: Room,
        script: Script,
        *,
        load_speech: Callable[[Say], Awaitable[bytes]],
        open_recording: Callable[[], AudioSink | None] = lambda: None,
        on_change: Callable[[str], None] = lambda what: None,
        max_call_s: float = 3600.0,
        join_window_s: float = 60.0,
        grace_s: float = 5.0,
        timers: Timers | None = None,
        joins_at_ringing: bool = False,
        stays_when_caller_leaves: bool = False,
    ) -> None:
        self._room = room
        self._script = script
        self._load_speech = load_speech
        self._open_recording = open_recording
        self._on_change = on_change
        self._max_call_s = max_call_s
        self._join_window_s = join_window_s
        self._grace_s = grace_s
        self._timers: Timers = timers or asyncio.get_running_loop()
        self._joins_at_ringing = joins_at_ringing
        self._stays = stays_when_caller_leaves
        self._answered = False
        #: Whether a caller has been in the room.
        self._visited = False
        self._end: asyncio.Future[CalleeEnd] = asyncio.get_running_loop().create_future()
        self._member: PcmMember | None = None
        self._voice: Voice | None = None
        self._callers: set[int] = set()
        self._grace: Timer | None = None
        self._echoing = False
        self.uid: int | None = None
        self.ear: CalleeEar | None = None

    @property
    def answered(self) -> bool:
        """Whether it answered."""
        return self._answered

    def counters(self) -> dict[str, int]:
        """How much it heard and said, and what of that was lost; all zero before the answer."""
        ear, voice = self.ear, self._voice
        return {
            "frames_heard": ear.frames_heard if ear is not None else 0,
            "gap_samples": ear.gap_samples if ear is not None else 0,
            "frames_too_fast": ear.frames_too_fast if ear is not None else 0,
            "frames_unrecorded": ear.frames_unrecorded if ear is not None else 0,
            "frames_spoken": voice.frames_spoken if voice is not None else 0,
            "echo_dropped": voice.echo_dropped if voice is not None else 0,
        }

    async def run(self) -> CalleeEnd:
        """Play the script until it ends, the caller leaves or the time is up; then leave and finish the recording."""
        playing = asyncio.create_task(self._play())
        limit = self._timers.call_later(self._max_call_s, lambda: self._finish(CalleeEnd.TIME_LIMIT))
        try:
            done, _ = await asyncio.wait((playing, self._end), return_when=asyncio.FIRST_COMPLETED)
            if playing in done and (error := playing.exception()) is not None:
                raise error
            end = self._end.result()
        except BaseException:
            await self._leave(LeaveReason.DROPPED, playing)
            raise
        finally:
            limit.cancel()
        await self._leave(LeaveReason.DROPPED if end is CalleeEnd.DROPPED else LeaveReason.QUIT, playing)
        return end

    # What the room calls

    def on_event(self, event: RoomEvent) -> None:
        """Keep track of the callers in the room."""
        match event:
            case MemberJoined(uid):
                self._callers.add(uid)
                self._visited = True
                self._stop_grace()
            case MemberLeft(uid, reason):
                self._callers.discard(uid)
                if self._callers or self._stays or not self._answered:  # before the answer, `_look` decides
                    return
                if reason is LeaveReason.QUIT:
                    self._finish(CalleeEnd.CALLER_LEFT)
                else:
                    self._expect_caller(self._grace_s, CalleeEnd.CALLER_DROPPED)
            case LegClosed():
                self._finish(CalleeEnd.ROOM_CLOSED)
            case _:
                pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Hear the caller."""
        if self.ear is not None:
            self.ear.hear(uid, frame)
        if self._echoing and self._voice is not None:
            self._voice.echo(frame)

    # The script

    async def _play(self) -> None:
        self._on_change("ringing")
        # Speech is read now, so that a missing file shows before the conversation begins.
        speech = {step: await self._load_speech(step) for step in self._script.steps if isinstance(step, Say)}
        self._expect_caller(self._join_window_s, CalleeEnd.CALLER_ABSENT)
        if self._joins_at_ringing:
            self._join()
        stop_watching = self._room.watch(self._look)
        self._look()
        try:
            for step in self._script.steps:
                if isinstance(step, Answer):
                    self._look()  # events of this turn of the loop have not been reported yet
                    if self._end.done():
                        return
                    stop_watching()
                    self._answer()
                elif isinstance(step, Say):
                    assert self._voice is not None
                    self._on_change(f"callee says {step.path.name}")
                    await self._voice.say(speech[step])
                else:
                    await self._do(step)
            # The script has ended: wait for the caller to hang up.
            await asyncio.wait((self._end,))
        finally:
            stop_watching()

    async def _do(self, step: Step) -> None:
        match step:
            case Ring(duration_s) | Wait(duration_s):
                await asyncio.sleep(duration_s)
            case NeverAnswer():
                await asyncio.wait((self._end,))
            case ListenFor(sound):
                await self._listen(sound)
            case Echo():
                self._echoing = True
            case Decline():
                self._finish(CalleeEnd.DECLINED)
            case HangUp():
                self._finish(CalleeEnd.HUNG_UP)
            case Drop():
                self._finish(CalleeEnd.DROPPED)
            case _:
                raise AssertionError(f"{step} is handled in _play")

    def _answer(self) -> None:
        self.ear = CalleeEar(self._room.rate_hz, self._open_recording())
        self._answered = True
        self._voice = Voice(self._member or self._join(), self.ear.tick)
        self._voice.start()
        self._on_change("answered")
        self._stop_grace()
        if not self._others and not (self._visited and self._stays):
            self._expect_caller(self._join_window_s, CalleeEnd.CALLER_ABSENT)

    def _join(self) -> PcmMember:
        self.uid = self._room.free_uid()  # known to those who see it join
        self._member = self._room.join_pcm(self.uid, self)
        return self._member

    @property
    def _others(self) -> bool:
        """Whether any other member is in the room."""
        ours = self._member is not None and self._member.present
        return len(self._room.members) > int(ours)

    async def _listen(self, sound: Sound) -> None:
        assert self.ear is not None
        if sound is Sound.SPEECH:
            self.ear.expect_speech()
            await self.ear.spoken.wait()
            self._on_change("caller speaks")
        else:
            await self.ear.paused.wait()
            self._on_change("caller pauses")

    # The end

    def _look(self) -> None:
        """Before the answer, check the room at each change of its members, from outside if the callee is not in it."""
        if self._others or (self._room.visited and self._member is None):
            self._visited = True
        if self._room.closed:
            self._finish(CalleeEnd.ROOM_CLOSED)
        elif self._others:
            self._stop_grace()
        elif self._visited and not self._stays:
            self._finish(CalleeEnd.GIVEN_UP)

    def _expect_caller(self, within_s: float, otherwise: CalleeEnd) -> None:
        self._stop_grace()
        self._grace = self._timers.call_later(within_s, lambda: self._finish(otherwise))

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _finish(self, end: CalleeEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    async def _leave(self, reason: LeaveReason, playing: asyncio.Task[None]) -> None:
        self._finish(CalleeEnd.FAILED)
        self._stop_grace()
        playing.cancel()
        if self._voice is not None:
            self._voice.stop()
        if self._member is not None:
            self._member.leave(reason)
        await asyncio.wait((playing,))
        if self.ear is not None:
            await self.ear.aclose()
