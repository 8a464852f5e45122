"""Our side of bare aiortc's calls: peer connections to the other process, alone or in pairs through a relay."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, cast

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from tests.bench.baseline_aiortc import PacketTrack, ToneTrack, drain_tracks, encoded, peer_connection
from tests.bench.voice import FRAMES_PER_S, Voice

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCRtpSender
    from tests.bench.process import Place


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
            connection = peer_connection()
            connections.append(connection)
            self._connections.append(connection)
            drain_tracks(connection, voice, self._tasks)
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
            self._payloads = encoded(voice.rate_hz)
        return PacketTrack(self._payloads, phase_s)


async def _offer(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createOffer())
    return connection.localDescription.sdp


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


def _lose_one(sender: RTCRtpSender) -> None:
    transport: Any = sender.transport
    send: Callable[[bytes], Any] = transport._send_rtp

    async def lose(data: bytes) -> None:
        if 192 <= data[1] <= 223:  # RTCP goes the same way
            await send(data)
        else:
            transport._send_rtp = send

    transport._send_rtp = lose
