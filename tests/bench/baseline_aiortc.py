"""The baseline: aiortc as its documentation shows it, with its defaults, and none of offhook's code in the path.

`RTCPeerConnection`, tracks, `MediaRelay`; ``iceServers=[]``, since there is nothing to ask a STUN server. Its sources
are paced like its own `AudioStreamTrack`, against an absolute deadline. Signalling is one line of JSON each way over a
TCP connection on loopback, which is less than any real one. Media runs between the machine's own addresses: aioice
offers no loopback candidates, so there must be a network interface; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import time
from typing import TYPE_CHECKING, Any, Final, cast

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from tests.bench.voice import FRAMES_PER_S, PERIOD_FRAMES, Voice, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCRtpSender
    from av.frame import Frame
    from tests.bench.process import Place

_RTP_CLOCK_HZ: Final = 48_000


class _PacedTrack(MediaStreamTrack):
    """A track that gives something each 20 ms."""

    kind = "audio"

    def __init__(self, phase_s: float) -> None:
        super().__init__()
        self.index = -1
        self._phase_s = phase_s
        self._start_s: float | None = None

    async def _next(self) -> int:
        if self.readyState != "live":
            raise MediaStreamError
        if self._start_s is None:
            self._start_s = time.monotonic() + self._phase_s
        self.index += 1
        await asyncio.sleep(self._start_s + self.index / FRAMES_PER_S - time.monotonic())
        return self.index


class ToneTrack(_PacedTrack):
    """What `voice` says, as frames: aiortc encodes them."""

    def __init__(self, voice: Voice, phase_s: float) -> None:
        super().__init__(phase_s)
        self._voice = voice

    async def recv(self) -> Frame:
        """The next frame."""
        index = await self._next()
        pcm = self._voice.say(index)
        rate_hz = self._voice.rate_hz
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.pts = index * len(pcm) // 2
        frame.sample_rate = rate_hz
        frame.time_base = fractions.Fraction(1, rate_hz)
        return frame


class PacketTrack(_PacedTrack):
    """The same audio, encoded beforehand, as packets: aiortc sends these as they are."""

    def __init__(self, payloads: list[bytes], phase_s: float) -> None:
        super().__init__(phase_s)
        self._payloads = payloads

    async def recv(self) -> Packet[Any]:
        """The next packet."""
        index = await self._next()
        packet = Packet(self._payloads[index % len(self._payloads)])
        packet.pts = index * _RTP_CLOCK_HZ // FRAMES_PER_S
        packet.time_base = fractions.Fraction(1, _RTP_CLOCK_HZ)
        return packet


def _connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def _drain(track: MediaStreamTrack, voice: Voice) -> None:
    """Take every frame, as an application does."""
    while True:
        try:
            frame = cast("av.AudioFrame", await track.recv())
        except MediaStreamError:
            return
        voice.hear(_pcm(frame))


def _pcm(frame: av.AudioFrame) -> bytes:
    """Its samples, without the padding behind them."""
    return bytes(frame.planes[0])[: frame.samples * len(frame.layout.channels) * 2]


def _drain_tracks(connection: RTCPeerConnection, voice: Voice, tasks: set[asyncio.Task[None]]) -> None:
    def on_track(track: MediaStreamTrack) -> None:
        task = asyncio.create_task(_drain(track, voice))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    connection.add_listener("track", on_track)


async def _connected(connection: RTCPeerConnection) -> None:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def look() -> None:
        if connection.connectionState == "connected" and not done.done():
            done.set_result(None)
        elif connection.connectionState in ("failed", "closed") and not done.done():
            done.set_exception(
                ConnectionError("bare aiortc could not connect: it needs a network interface beside loopback")
            )

    connection.add_listener("connectionstatechange", look)
    look()
    await done
    connection.remove_listener("connectionstatechange", look)


async def _offer(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createOffer())
    return connection.localDescription.sdp


async def _answer(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


class _Far:
    """A TCP server that answers lists of offers with lists of answers; the connections live as long as the TCP one."""

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands = {"open": self.open}
        self._calls = self._timed = 0
        self._rate_hz = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: Who is served, and the task that does it.
        self._served: dict[asyncio.StreamReader, asyncio.Task[None] | None] = {}

    async def open(self, *, calls: int, callees: bool, timed: bool, rate_hz: int) -> list[dict[str, object]]:
        """Listen; `callees` is there to be called like `far_offhook.Relay.open`."""
        self._calls, self._timed, self._rate_hz = calls, timed, rate_hz
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        port = self._server.sockets[0].getsockname()[1]
        return [{"port": port, "rate_hz": rate_hz} for _ in range(calls)]

    async def close(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for reader in self._served:
            reader.feed_eof()
        while tasks := {*self._tasks, *filter(None, self._served.values())}:
            await asyncio.wait(tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections: list[RTCPeerConnection] = []
        own: list[Voice] = []
        self._served[reader] = asyncio.current_task()
        try:
            offers = json.loads(await reader.readline())
            connections = [_connection() for _ in offers]
            for connection, sdp in zip(connections, offers, strict=True):
                own += self._prepare(connection)
                await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            self._attach(connections)
            answers = [await _answer(connection) for connection in connections]
            writer.write(json.dumps(answers).encode() + b"\n")
            await reader.read()
        finally:
            writer.close()
            for connection in connections:
                await connection.close()
            self.voices = [voice for voice in self.voices if voice not in own]
            del self._served[reader]

    def _prepare(self, connection: RTCPeerConnection) -> list[Voice]:
        """Before the offer is read; the voices that the connection has."""
        return []

    def _attach(self, connections: list[RTCPeerConnection]) -> None:
        """Before the answer is written."""


class Answerer(_Far):
    """Each connection talks and listens. Commands: `open`."""

    def _prepare(self, connection: RTCPeerConnection) -> list[Voice]:
        phase_s = len(self.voices) / max(1, self._calls) / FRAMES_PER_S
        voice = Voice(self._rate_hz, timed=bool(self._timed))
        self.voices.append(voice)
        _drain_tracks(connection, voice, self._tasks)
        connection.addTrack(ToneTrack(voice, phase_s))
        return [voice]


class Relay(_Far):
    """What comes from one connection of a pair goes to the other, through `MediaRelay`. Commands: `open`."""

    def _attach(self, connections: list[RTCPeerConnection]) -> None:
        relay = MediaRelay()
        tracks = [connection.getReceivers()[0].track for connection in connections]
        for connection, track in zip(connections, reversed(tracks), strict=True):
            connection.addTrack(relay.subscribe(track))


class Calls:
    """Calls to an `Answerer`.

    Commands: `open`, `set_up` one after the other and time them, and `drop`, which loses the next packet of each.
    """

    per_place = 1

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands = {"open": self.open, "set_up": self.set_up, "drop": self.drop}
        self._connections: list[RTCPeerConnection] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._expected = 1

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Connect to each place, with as many connections as this role makes."""
        self._expected = len(places) * self.per_place
        for place in places:
            await self._connect(place, timed=timed)

    async def set_up(self, *, place: Place, calls: int) -> list[float]:
        """Milliseconds from the making of the connection to its being connected; closed in between."""
        times: list[float] = []
        for _ in range(calls):
            start_s = time.monotonic()
            await self._connect(place, timed=False)
            times.append((time.monotonic() - start_s) * 1000)
            await self.close()
        return times

    async def drop(self) -> None:
        """Lose the next RTP packet of each connection. This alone uses a private name: aiortc has no way to lose."""
        for connection in self._connections:
            _lose_one(connection.getSenders()[0])

    async def close(self) -> None:
        """Close."""
        for connection in self._connections:
            await connection.close()
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._connections.clear()
        self._writers.clear()
        self.voices.clear()

    async def _connect(self, place: Place, *, timed: bool) -> None:
        connections: list[RTCPeerConnection] = []
        for _ in range(self.per_place):
            phase_s = len(self.voices) / self._expected / FRAMES_PER_S
            voice = Voice(cast("int", place["rate_hz"]), timed=timed)
            self.voices.append(voice)
            connection = _connection()
            connections.append(connection)
            self._connections.append(connection)
            _drain_tracks(connection, voice, self._tasks)
            connection.addTrack(self._track(voice, phase_s))
        offers = [await _offer(connection) for connection in connections]
        reader, writer = await asyncio.open_connection("127.0.0.1", cast("int", place["port"]), limit=1 << 20)
        self._writers.append(writer)
        writer.write(json.dumps(offers).encode() + b"\n")
        answers = json.loads(await reader.readline())
        await asyncio.gather(
            *(
                connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
                for connection, sdp in zip(connections, answers, strict=True)
            )
        )
        await asyncio.gather(*map(_connected, connections))

    def _track(self, voice: Voice, phase_s: float) -> MediaStreamTrack:
        return ToneTrack(voice, phase_s)


class Pairs(Calls):
    """Pairs of connections through a `Relay`, which send what was encoded beforehand: only the relay's work counts.

    Commands: `open`.
    """

    per_place = 2

    def __init__(self) -> None:
        super().__init__()
        self._payloads: list[bytes] = []

    def _track(self, voice: Voice, phase_s: float) -> MediaStreamTrack:
        if not self._payloads:
            self._payloads = _encoded(voice.rate_hz)
        return PacketTrack(self._payloads, phase_s)


def _encoded(rate_hz: int) -> list[bytes]:
    """One period as Opus, from the same encoder and with the same settings as offhook's legs use: an equal load."""
    from offhook_wire.opus import OpusEncoder

    with OpusEncoder(rate_hz) as encoder:
        periods = [encoder.encode(pcm) for _ in range(2) for pcm in table(rate_hz)]
    return periods[PERIOD_FRAMES:]


def _lose_one(sender: RTCRtpSender) -> None:
    transport: Any = sender.transport
    send: Callable[[bytes], Any] = transport._send_rtp

    async def lose(data: bytes) -> None:
        if 192 <= data[1] <= 223:  # RTCP goes the same way
            await send(data)
        else:
            transport._send_rtp = send

    transport._send_rtp = lose
