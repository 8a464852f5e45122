"""The other side of bare aiortc's calls: peer connections that talk and listen, or a relay made of `MediaRelay`."""

from __future__ import annotations

import asyncio
import json

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from tests.bench.baseline_aiortc import ToneTrack, drain_tracks, peer_connection
from tests.bench.voice import FRAMES_PER_S, Voice


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
            connections = [peer_connection() for _ in offers]
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
        drain_tracks(connection, voice, self._tasks)
        connection.addTrack(ToneTrack(voice, phase_s))
        return [voice]


class Relay(_Far):
    """What comes from one connection of a pair goes to the other, through `MediaRelay`. Commands: `open`."""

    def _attach(self, connections: list[RTCPeerConnection]) -> None:
        relay = MediaRelay()
        tracks = [connection.getReceivers()[0].track for connection in connections]
        for connection, track in zip(connections, reversed(tracks), strict=True):
            connection.addTrack(relay.subscribe(track))


async def _answer(connection: RTCPeerConnection) -> str:
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp
