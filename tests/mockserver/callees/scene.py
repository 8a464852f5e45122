"""A room with a scripted callee and a caller in it, in virtual time."""

from __future__ import annotations

import asyncio
import math
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.errors import StorageError
from offhook.interfaces import AudioSink
from offhook.interfaces.frame import AudioFrame, level_dbfs
from offhook.interfaces.ids import Ids
from offhook.secret import Secret
from offhook.session.events import LeaveReason, MemberLeft
from offhook.testing.virtual_time import LoopClock
from offhook_mockserver.callees.callee import Callee, CalleeEnd
from offhook_mockserver.callees.script import Script, Step
from offhook_mockserver.rooms.rooms import Rooms

if TYPE_CHECKING:
    from offhook_mockserver.callees.moments import Moment
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room

RATE_HZ = 16_000
FRAME = RATE_HZ // 50
CLIP = Path("clip.wav")


def tone(frames: int) -> bytes:
    return array("h", [round(8000 * math.sin(n / 5)) for n in range(frames * FRAME)]).tobytes()


class Caller:
    """A PCM member that keeps events and frames with their times, and can speak."""

    def __init__(self, room: Room) -> None:
        self._loop = asyncio.get_running_loop()
        self.events: list[tuple[float, RoomEvent]] = []
        self.frames: list[tuple[float, AudioFrame]] = []
        self.member: PcmMember = room.join_pcm(7, self)

    def on_event(self, event: RoomEvent) -> None:
        self.events.append((self._loop.time(), event))

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.frames.append((self._loop.time(), frame))

    def when(self, kind: type[RoomEvent]) -> float | None:
        return next((at for at, event in self.events if isinstance(event, kind)), None)

    @property
    def left(self) -> LeaveReason | None:
        return next((event.reason for _, event in self.events if isinstance(event, MemberLeft)), None)

    def loud(self) -> list[float]:
        """The times of the frames that were not silent."""
        return [at for at, frame in self.frames if level_dbfs(frame.pcm) > -60]

    async def speak(self, duration_s: float, first: int = 0) -> int:
        """Speak a tone frame by frame; returns the index of the next frame."""
        self.member.publish()
        start_s = self._loop.time()
        pcm = tone(1)
        for index in range(round(duration_s * 50)):
            self.member.send(AudioFrame(pcm, RATE_HZ, (first + index) * FRAME))
            await asyncio.sleep(start_s + (index + 1) / 50 - self._loop.time())
        return first + round(duration_s * 50)


class Tape(AudioSink):
    """A recording in memory, with the layout of a file."""

    def __init__(
        self, broken_after: int | None = None, error: Exception | None = None, closing: Exception | None = None
    ) -> None:
        self.frames: list[AudioFrame] = []
        self.closed = 0
        self._broken_after = broken_after
        self._error = error or StorageError("disk full")
        self._closing = closing

    async def write(self, frame: AudioFrame) -> None:
        if self._broken_after is not None and len(self.frames) >= self._broken_after:
            raise self._error
        self.frames.append(frame)

    async def aclose(self) -> None:
        self.closed += 1
        if self._closing is not None:
            raise self._closing

    @property
    def end(self) -> int:
        return max(frame.position + frame.samples for frame in self.frames)


class Scene:
    """A room, a callee in it, and how its part ended."""

    def __init__(self, *steps: Step, tape: Tape | None = None, clip: bytes = b"", **limits: float) -> None:
        self.room: Room = Rooms(LoopClock(), Ids("scene")).create("c", "a" * 32, Secret("c" * 32))
        self.changes: list[tuple[float, str]] = []
        self.tape = tape
        loop = asyncio.get_running_loop()

        async def load(speech: Speech) -> bytes:
            return clip if speech.duration_s is None else clip[: round(speech.duration_s * RATE_HZ) * 2]

        def note(moment: Moment) -> None:
            self.changes.append((loop.time(), moment.text))

        self.callee = Callee(
            self.room,
            Script("a test's", steps),
            load_speech=load,
            open_recording=lambda: tape,
            on_moment=note,
            **limits,  # type: ignore[arg-type]
        )
        self.running = asyncio.create_task(self.callee.run())

    async def end(self) -> CalleeEnd:
        return await self.running
