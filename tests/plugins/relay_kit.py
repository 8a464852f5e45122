"""What the tests of legs share: a real relay in the test's own loop, handlers that remember, bounded polling."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from array import array
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from tests.patience import PATIENCE_S

from offhook.interfaces.clock import Clock, SystemClock
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.grant import Grant
from offhook.interfaces.ids import Ids
from offhook.secret import Secret
from offhook_mockserver.doors.webrtc.door import WebRtcDoor
from offhook_mockserver.rooms.rooms import Rooms
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.routing import BaseRoute

    from offhook.interfaces import Leg
    from offhook.session.events import LegEvent
    from offhook_aiortc.connection import Connection
    from offhook_aiortc.leg import AiortcLeg
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room

APP_ID = "a" * 32
CERTIFICATE = Secret("c" * 32)
RATE_HZ = 16_000
FRAME_SAMPLES = RATE_HZ // 50


def tone(index: int) -> AudioFrame:
    """Frame `index` of a 440 Hz tone."""
    start = index * FRAME_SAMPLES
    samples = [round(8000 * math.sin(2 * math.pi * 440 * (start + n) / RATE_HZ)) for n in range(FRAME_SAMPLES)]
    return AudioFrame(array("h", samples).tobytes(), RATE_HZ, start)


class Ear:
    """A handler, of a leg or of a PCM member, that remembers."""

    def __init__(self) -> None:
        self.events: list[LegEvent | RoomEvent] = []
        self.audio: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: LegEvent | RoomEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.audio.append((uid, frame))

    @property
    def positions(self) -> list[int]:
        return [frame.position for _, frame in self.audio]


async def until(true: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Poll until `true()`; real sockets leave no other way."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while not true():
        assert loop.time() < deadline_s, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def serving(routes: list[BaseRoute], port: int = 0) -> AsyncIterator[str]:
    """A uvicorn server on this loop and a free port; its base URL."""
    # Of TCP by name, as the mock's: asyncio switches off the wait for full packets only then.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        Starlette(routes=routes),
        loop="none",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started, "the server starts")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class Relay:
    """A relay with one open channel."""

    def __init__(self, clock: Clock | None = None, **door: float) -> None:
        self.clock = clock or SystemClock()
        self.ids = Ids("relay")
        self.rooms = Rooms(self.clock, self.ids)
        self.room: Room = self.rooms.create("room", APP_ID, CERTIFICATE)
        self.door = WebRtcDoor(self.rooms, self.clock, self.ids, **door)  # type: ignore[arg-type]  # int or float
        self.url = ""

    def grant(self, uid: int = 0, **changed: object) -> Grant:
        """A grant for the channel; `changed` is for `mint`, or `certificate`, `app_id`, `channel`, `made_out_to`."""
        made = {"issued_s": int(self.clock.wall_s()), "salt": 1, "expire_s": 600, **changed}
        app_id, certificate = made.pop("app_id", APP_ID), made.pop("certificate", CERTIFICATE)
        channel, made_out_to = made.pop("channel", "room"), made.pop("made_out_to", uid)
        token = mint(app_id, certificate, channel, made_out_to, **made)  # type: ignore[arg-type]  # tests give what fits
        return Grant(APP_ID, "room", Secret(token), uid, self.url)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        async with serving(self.door.routes()) as self.url:
            try:
                yield self
            finally:
                self.rooms.close_all()
                await self.door.aclose()


#: A real-time run whose loop was held up for longer says nothing about ours, when it fails.
VOID_LAG_S = 0.010
#: How often a void run is repeated.
MOST_REPEATS = 2


def with_relay(
    check: Callable[[Relay], Awaitable[None]], clock: Clock | None = None, *, exact: bool = False, **door: float
) -> None:
    """Run a check against a relay of its own; afterwards no task is left.

    With `exact` it asserts what holds only while the loop turns in time: a run that fails is void, and repeated, if the
    loop was held up meanwhile.
    """

    async def main(lags_s: list[float]) -> None:
        probe = asyncio.create_task(_loop_lag(lags_s))
        try:
            async with Relay(clock, **door).running() as relay:
                await check(relay)
        finally:
            probe.cancel()
            await asyncio.wait((probe,))
        await until(lambda: len(asyncio.all_tasks()) == 1, "no task is left")

    for repeats_left in reversed(range(MOST_REPEATS + 1 if exact else 1)):
        lags_s = [0.0]
        try:
            asyncio.run(main(lags_s))
        except AssertionError as error:
            if not repeats_left or max(lags_s) < VOID_LAG_S:
                raise
            print(f"void, since the loop was held up for {max(lags_s) * 1000:.0f} ms: {error}")
        else:
            return


async def _loop_lag(lags_s: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + 0.005
        await asyncio.sleep(0.005)
        lags_s[0] = max(lags_s[0], loop.time() - due_s)


class Talker:
    """Sends 50 frames a second, also when they are dropped; late ones at once."""

    def __init__(self, speaker: Leg | PcmMember) -> None:
        self.sent = 0
        self._speaker = speaker
        self._task = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while True:
            self._speaker.send(tone(self.sent))
            self.sent += 1
            await asyncio.sleep(start_s + self.sent * 0.02 - loop.time())

    async def stop(self) -> int:
        """Stop; how many frames were sent."""
        self._task.cancel()
        await asyncio.wait((self._task,))
        return self.sent


def connection_of(leg: AiortcLeg) -> Connection:
    connection = leg._connection  # pyright: ignore[reportPrivateUsage]
    assert connection is not None
    return connection


def abort_websocket(leg: AiortcLeg) -> None:
    """What a reset of its TCP connection does to a leg."""
    websocket = connection_of(leg)._websocket  # pyright: ignore[reportPrivateUsage]
    assert websocket is not None
    websocket.transport.abort()


def end_peer(leg: AiortcLeg) -> None:
    """What the end of ICE's consent, or of DTLS, does to a leg."""
    connection_of(leg)._on_down("the connection was lost")  # pyright: ignore[reportPrivateUsage]
