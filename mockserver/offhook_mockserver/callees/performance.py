"""A callee's script as it is played: the stage on which its steps act, with the callee's members, ear and voice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason
from offhook_mockserver.callees.ear import CalleeEar
from offhook_mockserver.callees.kept_audio import MOST_KEPT_S, CallAudio, Track
from offhook_mockserver.callees.moments import History, MomentCode
from offhook_mockserver.callees.progress import Progress
from offhook_mockserver.callees.signals import MarkerFinder, ToneFinder
from offhook_mockserver.callees.sounds import TURN_PAUSE_MS, Sound, SoundsLike, Tone
from offhook_mockserver.callees.voice import Voice, beep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from offhook.interfaces import AudioFrame, AudioSink
    from offhook_mockserver.callees.ends import CalleeEnd
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.callees.sounds import Listened
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.callees.step import Step
    from offhook_mockserver.rooms.member import PcmHandler, RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room

#: How much of what was heard is compared with a clip.
_COMPARED_S: Final = 60
#: Steps that take no time are played in one turn of the loop up to this number.
_AT_ONCE: Final = 100


class Performance:
    """What a callee does in one call, and what becomes of it.

    Args:
        room: the room that it joins.
        script: what it does.
        handler: receives the events and the audio of its member.
        open_recording: called at the answer; opens the recording of what it hears, or returns None.
        on_moment: called with each moment.
        finish: called with an end that the script chose.
        enter: called before the member joins; returns whether the call is still going on.
        step_out: called after the member has left for a while.
        keep_audio_s: how much sound of each direction is kept.

    Attributes:
        done: set when the script is done, or the callee's part has ended.
        history: what happened.
        progress: how far the script has come.
        uid: the uid of the callee's member; None before it has joined.
        member: the callee's member; None before it has joined, and while it is away.
        ear: what it hears; None before the answer.
        voice: what it says; None before the answer.
        answered_at_s: when it answered, on the loop's clock.
        spoke_at_s: when it last began to speak, in seconds from the answer.
        stopped_speaking_at_s: when it last stopped speaking, likewise.
        echoing: whether it echoes what it hears.
        device_uids: the uids of its other devices.
    """

    __slots__ = (
        "_compared",
        "_compared_from",
        "_devices",
        "_end",
        "_enter",
        "_finish",
        "_handler",
        "_heard",
        "_held",
        "_loop",
        "_may_end",
        "_muted",
        "_open_recording",
        "_played",
        "_room",
        "_said",
        "_script",
        "_speech",
        "_step_out",
        "answered_at_s",
        "device_uids",
        "done",
        "ear",
        "echoing",
        "history",
        "member",
        "progress",
        "spoke_at_s",
        "stopped_speaking_at_s",
        "uid",
        "voice",
    )

    def __init__(
        self,
        room: Room,
        script: Script,
        handler: PcmHandler,
        *,
        open_recording: Callable[[], AudioSink | None],
        on_moment: Callable[[Moment], None],
        finish: Callable[[CalleeEnd], None],
        enter: Callable[[], bool],
        step_out: Callable[[], None],
        keep_audio_s: float,
    ) -> None:
        self._room = room
        self._script = script
        self._handler = handler
        self._open_recording = open_recording
        self._finish = finish
        self._enter = enter
        self._step_out = step_out
        self._loop = asyncio.get_running_loop()
        self._speech: Mapping[Speech, bytes] = {}
        self._devices: list[PcmMember] = []
        self._muted = self._held = False
        #: Whether the script counts as done when the call ends now.
        self._may_end = False
        #: Where the timeline ended, once the callee has left.
        self._end: int | None = None
        keep = int(keep_audio_s * room.rate_hz)
        self._heard = Track(keep) if keep else None
        self._said = Track(keep) if keep else None
        self._played = 0
        self._compared = Track(_COMPARED_S * room.rate_hz, latest=True) if script.compares else None
        self._compared_from = 0
        self.done: asyncio.Event = asyncio.Event()
        self.history: History = History(on_moment)
        self.progress: Progress = Progress(script.steps)
        self.uid: int | None = None
        self.member: PcmMember | None = None
        self.ear: CalleeEar | None = None
        self.voice: Voice | None = None
        self.answered_at_s: float | None = None
        self.spoke_at_s: float | None = None
        self.stopped_speaking_at_s: float | None = None
        self.echoing: bool = False
        self.device_uids: set[int] = set()

    async def perform(self, speech: Mapping[Speech, bytes]) -> None:
        """Play the script, with this speech, and then wait until the call ends."""
        self._speech = speech
        await self.play(self._script.steps)
        await self.until_end()

    def join(self) -> PcmMember:
        """Join the room, without publishing."""
        self.uid = self._room.free_uid()  # before it joins: the room reports the member at once
        self.member = self._room.join_pcm(self.uid, self._handler)
        return self.member

    def leave(self, reason: LeaveReason) -> None:
        """Leave the room, with all devices."""
        if self._may_end:
            self._settle()
        self.done.set()
        if self.ear is not None:
            self._end = self.ear.now
        if self.voice is not None:
            self.voice.stop()
        for device in self._devices:
            device.leave(reason)
        if self.member is not None:
            self.member.leave(reason)

    @property
    def keeps_audio(self) -> bool:
        """Whether audio is kept for `audio`."""
        return self._heard is not None

    def audio(self) -> CallAudio:
        """What was kept of both directions; empty before the answer, or if nothing is kept."""
        rate_hz = self._room.rate_hz
        lasted = self._lasted
        if lasted is None:
            return CallAudio(rate_hz)
        if self._heard is None or self._said is None:
            return CallAudio(rate_hz, lasted_s=lasted / rate_hz)
        reached = (track.ends for track in (self._heard, self._said) if track.ends is not None)
        end = min(lasted, MOST_KEPT_S * rate_hz, *reached)
        return CallAudio(
            rate_hz,
            self._heard.pcm(0, end),
            tuple((start / rate_hz, stop / rate_hz) for start, stop in self._heard.gaps),
            self._said.pcm(0, end),
            lasted / rate_hz,
        )

    @property
    def lasted_s(self) -> float | None:
        """How long it has taken part since it answered; None before that."""
        lasted = self._lasted
        return None if lasted is None else lasted / self._room.rate_hz

    @property
    def _lasted(self) -> int | None:
        if self.ear is None:
            return None
        return self.ear.now if self._end is None else self._end

    # What steps call

    def note(self, code: MomentCode, text: str) -> None:
        self.history.note(self._since_answer(), code, text)

    async def end(self, end: CalleeEnd) -> None:
        self._finish(end)
        await self.until_end()

    async def until_end(self) -> None:
        self._settle()
        await self._loop.create_future()  # the callee cancels this task when its part ends

    def may_end(self) -> None:
        self._may_end = True

    async def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.progress.begin(step, self._since_answer())
            await step.play(self)
            self.progress.finish()
            self._played += 1
            if self._played % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def answer(self) -> None:
        await self._enter_room()
        self.ear = CalleeEar(self._room.rate_hz, self._open_recording())
        self.ear.taps = tuple(track for track in (self._heard, self._compared) if track is not None)
        self.answered_at_s = self._loop.time()
        self.voice = Voice(self.member or self.join(), self.ear.tick, self._said)
        self.voice.start()
        self.note(MomentCode.ANSWERED, "answered")

    async def say(self, speech: Speech) -> None:
        self.note(MomentCode.SPEAKS, f"callee says {speech.name}")
        await self._send(self._speech[speech])
        self.note(MomentCode.STOPPED_SPEAKING, f"callee has said {speech.name}")

    async def beep(self) -> None:
        await self._send(beep(self._room.rate_hz))

    async def listen(self, sound: Listened, within_s: float | None) -> bool:
        ear = self._listener
        finder: ToneFinder | MarkerFinder | None = None
        match sound:
            case Sound.SPEECH:
                ear.forget_turn()
                heard, code, text = ear.spoken, MomentCode.HEARD_SPEECH, "caller speaks"
            case Sound.QUIET:
                heard, code, text = (
                    ear.paused,
                    MomentCode.HEARD_QUIET,
                    f"caller has paused for {TURN_PAUSE_MS / 1000:g} s",
                )
            case Sound.MARKER:
                finder = MarkerFinder(self._room.rate_hz, lambda: ear.now)
                heard, code, text = finder.found, MomentCode.HEARD_MARKER, "caller sends the marker"
            case Tone(hz):
                finder = ToneFinder(hz, self._room.rate_hz)
                heard, code, text = finder.found, MomentCode.HEARD_TONE, f"caller sends a tone of {hz:g} Hz"
        self.note(MomentCode.LISTENS, f"callee listens for {_name(sound)}")
        if finder is not None:
            ear.taps = (*ear.taps, finder)
        try:
            async with asyncio.timeout(within_s):
                await heard.wait()
        except TimeoutError:
            self.note(MomentCode.HEARD_NOTHING, f"callee heard no {_name(sound)} within {within_s:g} s")
            return False
        finally:
            if finder is not None:
                finder.close()
                ear.taps = tuple(tap for tap in ear.taps if tap is not finder)
        if sound is Sound.QUIET:
            ear.forget_turn()  # the next wait for quiet is for another turn
        self.note(code, text)
        return True

    def caller_spoke(self) -> bool:
        return self._listener.spoke or self._listener.hears_speech

    def heard_clip(self, clip: SoundsLike) -> bool:
        from offhook.testing.audio import Clip

        assert self._compared is not None
        rate_hz = self._room.rate_hz
        now = self._listener.now
        start = max(self._compared_from, now - _COMPARED_S * rate_hz)
        heard = Clip(self._compared.pcm(start, now), rate_hz)
        match = heard.find(Clip(self._speech[clip.speech], rate_hz))
        return match is not None and match.covered >= clip.at_least

    def echo(self, delay_s: float) -> None:
        self._speaker.delay_echo(delay_s)
        self.echoing = True
        self.note(MomentCode.ECHOES, "callee echoes")

    def make_noise(self, level_dbfs: float) -> None:
        self._speaker.make_noise(level_dbfs)
        self.note(MomentCode.MAKES_NOISE, f"callee makes noise at {level_dbfs:g} dBFS")

    def mute(self, muted: bool) -> None:
        self._muted = muted
        self._publish()
        self.note(*((MomentCode.MUTED, "callee mutes") if muted else (MomentCode.UNMUTED, "callee unmutes")))

    def hold(self, held: bool) -> None:
        self._held = self._listener.deaf = held
        self._publish()
        self.note(*((MomentCode.ON_HOLD, "callee holds") if held else (MomentCode.RESUMED, "callee resumes")))

    async def go_away(self, for_s: float) -> None:
        assert self.member is not None
        self.note(MomentCode.WENT_AWAY, "callee drops out")
        self.member.leave(LeaveReason.DROPPED)
        uid, self.member = self.member.uid, None
        self._step_out()
        await asyncio.sleep(for_s)
        await self._enter_room()
        self._listener.return_to_room()
        self.member = self._room.join_pcm(uid, self._handler)
        self._speaker.move(self.member)
        self._publish()
        self.note(MomentCode.CAME_BACK, "callee comes back")

    def add_device(self) -> None:
        uid = self._room.free_uid()
        self._room.check_space(uid)  # a script can add thousands; only the callee itself joins in any case
        self.device_uids.add(uid)  # before it joins: the callee is notified of the member at once
        self._devices.append(self._room.join_pcm(uid, _Muted()))
        self.note(MomentCode.SECOND_DEVICE, "callee joins with a second device")

    # Inside

    @property
    def _listener(self) -> CalleeEar:
        assert self.ear is not None, "a script checks that the step comes after the answer"
        return self.ear

    @property
    def _speaker(self) -> Voice:
        assert self.voice is not None, "a script checks that the step comes after the answer"
        return self.voice

    def _since_answer(self) -> float | None:
        """Seconds since the answer, to a millisecond: sums of steps of 20 ms have no exact floats."""
        return None if self.answered_at_s is None else round(self._loop.time() - self.answered_at_s, 3)

    def _settle(self) -> None:
        if not self.done.is_set():
            self.progress.end()
            self.note(MomentCode.SCRIPT_DONE, "the script is done")
            self.done.set()

    async def _enter_room(self) -> None:
        if not self._enter():
            await self._loop.create_future()  # the call has ended; the callee cancels this task now

    async def _send(self, pcm: bytes) -> None:
        self.spoke_at_s = self._since_answer()
        self._compared_from = self._listener.now
        await self._speaker.say(pcm)
        self.stopped_speaking_at_s = self._since_answer()
        self._listener.forget()

    def _publish(self) -> None:
        if self.member is None:
            return
        if self._muted or self._held:
            self.member.unpublish()
        else:
            self.member.publish()


class _Muted:
    """The handler of a second device, which does nothing."""

    def on_event(self, event: RoomEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        pass


def _name(sound: Listened) -> str:
    return str(sound) if isinstance(sound, Tone) else sound.value
