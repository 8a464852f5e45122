"""The scripted callee: it rings, answers by joining the room as a PCM member, speaks, listens and leaves.

The caller sees what Agora would show: a callee who declines or never answers is never heard, one who hangs up quits,
and one whose network fails is dropped. Whether the bridge joins when ringing starts or at the answer is not known, and
neither is whether the callee's call ends when the caller leaves: both are arguments.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.arguments import check_number
from offhook.errors import SourceError
from offhook.interfaces import SAMPLE_BYTES, LeaveReason, LegClosed, MemberJoined, MemberLeft
from offhook_mockserver.callees.ends import CalleeEnd
from offhook_mockserver.callees.kept_audio import MOST_KEPT_S
from offhook_mockserver.callees.moments import MomentCode
from offhook_mockserver.callees.performance import Performance
from offhook_mockserver.callees.speech import MAX_SCRIPT_S
from offhook_mockserver.callees.steps.answering import Busy, Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from offhook.interfaces import AudioFrame, AudioSink
    from offhook_mockserver.callees.ear import CalleeEar
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.timers import Timer, Timers

__all__ = ["MOST_KEPT_S", "Callee", "CalleeEnd"]


class Callee:
    """One callee in one call.

    Args:
        room: the room that it joins when it answers.
        script: what it does.
        load_speech: returns the samples of a speech at the room's rate.
        open_recording: called at the answer; opens the recording of what it hears, or returns None.
        on_moment: called with each moment of its history.
        max_call_s: how long its part may last.
        join_window_s: how long it waits for a caller to join.
        grace_s: how long a caller that dropped may be away.
        keep_audio_s: how much sound of each direction, from the answer on, is kept for `audio`; at most an hour.
        timers: measures `max_call_s`, `join_window_s` and `grace_s`; the running loop by default.
        joins_at_ringing: whether its member joins when ringing starts; it publishes at the answer in any case.
        stays_when_caller_leaves: whether it goes on when the caller leaves or drops, before the answer as well.

    Attributes:
        end: how its part ended; None before that.
    """

    __slots__ = (
        "_callers",
        "_end",
        "_grace",
        "_grace_s",
        "_join_window_s",
        "_joins_at_ringing",
        "_load_speech",
        "_max_call_s",
        "_performance",
        "_room",
        "_script",
        "_stays",
        "_stop_watching",
        "_timers",
        "_visited",
        "end",
    )

    def __init__(
        self,
        room: Room,
        script: Script,
        *,
        load_speech: Callable[[Speech], Awaitable[bytes]],
        open_recording: Callable[[], AudioSink | None] = lambda: None,
        on_moment: Callable[[Moment], None] = lambda moment: None,
        max_call_s: float = 3600.0,
        join_window_s: float = 60.0,
        grace_s: float = 5.0,
        keep_audio_s: float = 0.0,
        timers: Timers | None = None,
        joins_at_ringing: bool = False,
        stays_when_caller_leaves: bool = False,
    ) -> None:
        check_number(keep_audio_s, "keep_audio_s", least=0, most=MOST_KEPT_S, unit="seconds")
        self._room = room
        self._script = script
        self._load_speech = load_speech
        self._max_call_s = max_call_s
        self._join_window_s = join_window_s
        self._grace_s = grace_s
        self._timers: Timers = timers or asyncio.get_running_loop()
        self._joins_at_ringing = joins_at_ringing
        self._stays = stays_when_caller_leaves
        #: Whether a caller has been in the room.
        self._visited = False
        self._end: asyncio.Future[CalleeEnd] = asyncio.get_running_loop().create_future()
        self._callers: set[int] = set()
        self._grace: Timer | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._performance = Performance(
            room,
            script,
            self,
            open_recording=open_recording,
            on_moment=on_moment,
            finish=self._finish,
            enter=self._enter,
            step_out=self._step_out,
            keep_audio_s=keep_audio_s,
        )
        self.end: CalleeEnd | None = None

    @property
    def ear(self) -> CalleeEar | None:
        """What it heard; None before the answer."""
        return self._performance.ear

    @property
    def script(self) -> Script:
        """What it does."""
        return self._script

    @property
    def history(self) -> Sequence[Moment]:
        """What happened, in order: at most `MOST_MOMENTS` moments."""
        return self._performance.history.moments

    @property
    def moments_dropped(self) -> int:
        """Moments that are not in the history, since it was full."""
        return self._performance.history.dropped

    @property
    def finished(self) -> bool:
        """Whether the script is done."""
        return self._performance.progress.done

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The steps that are not done, in words; the first says how far it has come."""
        return self._performance.progress.unfinished

    @property
    def answered_at_s(self) -> float | None:
        """When it answered, on the loop's clock; None before that."""
        return self._performance.answered_at_s

    @property
    def spoke_at_s(self) -> float | None:
        """When it last began to speak, in seconds from the answer; None before that."""
        return self._performance.spoke_at_s

    @property
    def stopped_speaking_at_s(self) -> float | None:
        """When it last stopped speaking, in seconds from the answer; None before that."""
        return self._performance.stopped_speaking_at_s

    @property
    def lasted_s(self) -> float | None:
        """How long it has taken part since it answered, in seconds; None before that."""
        return self._performance.lasted_s

    def audio(self) -> CallAudio:
        """What was kept of both directions; empty before the answer, or with ``keep_audio_s=0``."""
        return self._performance.audio()

    @property
    def keeps_audio(self) -> bool:
        """Whether what it hears and says is kept."""
        return self._performance.keeps_audio

    def hang_up(self) -> bool:
        """End its part whatever its script says: hang up, or decline before the answer.

        Returns:
            False if its part had ended already.
        """
        if self._end.done():
            return False
        if self.answered:
            self._performance.note(MomentCode.HUNG_UP, "callee hangs up")
            self._finish(CalleeEnd.HUNG_UP)
        else:
            self._performance.note(MomentCode.DECLINED, "callee declines")
            self._finish(CalleeEnd.DECLINED)
        return True

    async def until_finished(self) -> None:
        """Wait until the script is done, or the callee's part has ended without that."""
        await self._performance.done.wait()

    @property
    def leaving(self) -> bool:
        """Whether its part has ended, although it may not have left the room yet."""
        return self._end.done()

    @property
    def answered(self) -> bool:
        """Whether it answered."""
        return self._performance.answered_at_s is not None

    def has_uid(self, uid: int) -> bool:
        """Whether a uid of the room is that of one of its devices."""
        return uid == self._performance.uid or uid in self._performance.device_uids

    def counters(self) -> dict[str, int]:
        """How much it heard and said, and what of that was lost; all zero before the answer."""
        ear, voice = self.ear, self._performance.voice
        return {
            "frames_heard": ear.frames_heard if ear is not None else 0,
            "gap_samples": ear.gap_samples if ear is not None else 0,
            "frames_too_fast": ear.frames_too_fast if ear is not None else 0,
            "frames_unrecorded": ear.frames_unrecorded if ear is not None else 0,
            "frames_spoken": voice.frames_spoken if voice is not None else 0,
            "frames_skipped": voice.frames_skipped if voice is not None else 0,
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
            self.end = CalleeEnd.FAILED
            await self._leave(LeaveReason.DROPPED, playing)
            raise
        finally:
            limit.cancel()
        self.end = end
        await self._leave(LeaveReason.DROPPED if end is CalleeEnd.DROPPED else LeaveReason.QUIT, playing)
        return end

    # What the room calls

    def on_event(self, event: RoomEvent) -> None:
        """Keep track of the callers in the room."""
        match event:
            case MemberJoined(uid):
                if self.has_uid(uid):
                    return
                self._callers.add(uid)
                self._visited = True
                self._stop_grace()
            case MemberLeft(uid, reason):
                self._callers.discard(uid)
                if self._callers or self._stays or not self.answered:  # before the answer, `_look` decides
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
        performance = self._performance
        if performance.ear is not None:
            performance.ear.hear(uid, frame)
        if performance.echoing and performance.voice is not None:
            performance.voice.echo(frame)

    # The script

    async def _play(self) -> None:
        if not any(isinstance(step, Busy | Unreachable) for step in self._script.steps[:1]):
            self._performance.note(MomentCode.RINGING, "ringing")
        # Speech is read now, so that a missing file shows before the conversation begins.
        speech = await self._load()
        self._expect_caller(self._join_window_s, CalleeEnd.CALLER_ABSENT)
        if self._joins_at_ringing:
            self._performance.join()
        self._stop_watching = self._room.watch(self._look)
        self._look()
        await self._performance.perform(speech)

    async def _load(self) -> dict[Speech, bytes]:
        """The samples of all speech; raises `SourceError` if there are too many."""
        loaded: dict[Speech, bytes] = {}
        left = MAX_SCRIPT_S * self._room.rate_hz * SAMPLE_BYTES
        for speech in self._script.speeches:
            loaded[speech] = await self._load_speech(speech)
            left -= len(loaded[speech])
            if left < 0:
                raise SourceError(f"all audio of the script is longer than {MAX_SCRIPT_S:,} s, which is the limit")
        return loaded

    def _enter(self) -> bool:
        """Called before the callee joins the room; returns False if the call has ended."""
        self._look()  # events of this turn of the loop have not been reported yet
        if self._end.done():
            return False
        self._stop_watching()
        self._stop_grace()
        if not self._others_present() and not (self._visited and self._stays):
            self._expect_caller(self._join_window_s, CalleeEnd.CALLER_ABSENT)
        return True

    def _step_out(self) -> None:
        """Called after the callee has left the room, to come back."""
        self._callers.clear()
        self._stop_watching = self._room.watch(self._look)

    # The end

    def _look(self) -> None:
        """While the callee has not answered, or is away, check the room at each change of its members."""
        if self._others_present() or (self._room.visited and self._performance.uid is None):
            self._visited = True
        if self._room.closed:
            self._finish(CalleeEnd.ROOM_CLOSED)
        elif self._others_present():
            self._stop_grace()
        elif self._visited and not self._stays:
            self._finish(CalleeEnd.CALLER_LEFT if self.answered else CalleeEnd.GIVEN_UP)

    def _others_present(self) -> bool:
        return any(not self.has_uid(member.uid) for member in self._room.members)

    def _expect_caller(self, within_s: float, otherwise: CalleeEnd) -> None:
        self._stop_grace()
        if not self._end.done():  # events that were under way at the end come later
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
        self._stop_watching()
        self._stop_grace()
        playing.cancel()
        self._performance.leave(reason)
        await asyncio.wait((playing,))
        if self.ear is not None:
            await self.ear.aclose()
