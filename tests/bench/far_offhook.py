"""The other side of offhook's calls: the relay behind a real HTTP server, with a PCM callee in each channel or without.

It is what `offhook mock` runs: the same rooms, members and doors, for WebRTC and for the mock's library of Agora's SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from starlette.routing import Route, WebSocketRoute
from tests.bench.voice import FRAMES_PER_S, Voice
from tests.plugins.relay_kit import serving

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.ids import Ids
from offhook.media.pacer import Pacer
from offhook.secret import Secret
from offhook_mockserver.doors.pcm.door import PcmDoor
from offhook_mockserver.doors.webrtc.door import WebRtcDoor
from offhook_mockserver.rooms.rooms import Rooms
from offhook_wire.access_token import mint
from offhook_wire.pcm_protocol import PCM_PATH

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.routing import BaseRoute

    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember

RATE_HZ: Final = 16_000
_APP_ID: Final = "a" * 32
_CERTIFICATE: Final = Secret("c" * 32)
_CALLEE_UID: Final = 1_000_000
_EXPIRE_S: Final = 600


class Relay:
    """Commands: `open` channels, with a callee in each who talks all the time, or empty ones."""

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {"open": self.open}
        self._clock = SystemClock()
        self._ids = Ids()
        self._rooms = Rooms(self._clock, self._ids)
        self._door = WebRtcDoor(self._rooms, self._clock, self._ids)
        self._pcm_door = PcmDoor(self._rooms, self._ids)
        self._callees: list[_Callee] = []
        self._stack = contextlib.AsyncExitStack()

    async def open(self, *, calls: int, callees: bool, timed: bool, rate_hz: int = RATE_HZ) -> list[dict[str, object]]:
        """Open channels; two grants for each, so that two clients can meet there.

        `rate_hz` is that of the callees' audio.
        """
        url = await self._stack.enter_async_context(serving(self._routes()))
        places: list[dict[str, object]] = []
        for number in range(calls):
            room = self._rooms.create(f"bench-{number}", _APP_ID, _CERTIFICATE, rate_hz=rate_hz)
            tokens = [
                mint(
                    _APP_ID,
                    _CERTIFICATE,
                    room.channel,
                    uid,
                    issued_s=int(self._clock.wall_s()),
                    salt=self._ids.uint32(),
                    expire_s=_EXPIRE_S,
                )
                for uid in (1, 2)
            ]
            places.append({"app_id": _APP_ID, "channel": room.channel, "tokens": tokens, "url": url})
            if callees:
                voice = Voice(rate_hz, timed=timed)
                self.voices.append(voice)
                callee = _Callee(voice)
                callee.start(room.join_pcm(_CALLEE_UID, callee), number / calls / FRAMES_PER_S)
                self._callees.append(callee)
        return places

    async def close(self) -> None:
        """Close the channels and the server."""
        for callee in self._callees:
            callee.stop()
        self._callees.clear()
        self._rooms.close_all()
        await self._door.aclose()
        await self._pcm_door.aclose()
        await self._stack.aclose()

    def _routes(self) -> list[BaseRoute]:
        pcm = self._pcm_door
        return [*self._door.routes(), Route(PCM_PATH, pcm), WebSocketRoute(PCM_PATH, pcm)]


class _Callee:
    """Talks at the pace of the core's own pacer, and listens."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._member: PcmMember | None = None
        self._pacer = Pacer(asyncio.get_running_loop(), self._tick)

    def start(self, member: PcmMember, phase_s: float) -> None:
        """Talk from now on; `phase_s` keeps the callees of many calls from talking at the same moment."""
        self._member = member
        member.publish()
        asyncio.get_running_loop().call_later(phase_s, self._pacer.start)

    def stop(self) -> None:
        self._pacer.stop()

    def _tick(self, index: int) -> None:
        assert self._member is not None
        rate_hz = self._voice.rate_hz
        self._member.send(AudioFrame(self._voice.say(index), rate_hz, index * rate_hz // FRAMES_PER_S))

    def on_event(self, event: RoomEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self._voice.hear(frame.pcm)
