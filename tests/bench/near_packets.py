"""Our side of calls that are nothing but packets, so that one process can load a relay with many calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httpx
from tests.bench.baseline_aiortc import encoded
from tests.bench.packet_client import RATE_HZ, PacketClient
from tests.bench.voice import FRAMES_PER_S
from websockets.asyncio.client import connect

from offhook.secret import Secret
from offhook_wire import relay_protocol as protocol
from offhook_wire.peer import make_certificate

if TYPE_CHECKING:
    from tests.bench.process import Place
    from tests.bench.voice import Voice
    from websockets.asyncio.client import ClientConnection


class Packets:
    """Two clients in each channel. Commands: `open`."""

    def __init__(self) -> None:
        self.commands = {"open": self.open}
        self._clients: list[PacketClient] = []
        self._events: list[asyncio.Task[None]] = []

    @property
    def voices(self) -> list[Voice]:
        """What each client has received."""
        return [client.voice for client in self._clients]

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Join each channel twice; `timed` is there to be called like `near_offhook.Pairs.open`."""
        certificate, payloads = make_certificate(), encoded(RATE_HZ)
        async with httpx.AsyncClient(trust_env=False) as http:
            for place in places:
                for uid in (1, 2):
                    client = PacketClient(certificate, payloads)
                    self._clients.append(client)
                    events = await _join(http, client, place, uid)
                    self._events.append(asyncio.create_task(_drain(events)))
        for number, client in enumerate(self._clients):
            client.start(number / len(self._clients) / FRAMES_PER_S)

    async def close(self) -> None:
        """Leave."""
        for client in self._clients:
            await client.stop()
        for task in self._events:
            task.cancel()
        await asyncio.gather(*self._events, return_exceptions=True)
        self._clients.clear()
        self._events.clear()


async def _join(http: httpx.AsyncClient, client: PacketClient, place: Place, uid: int) -> ClientConnection:
    """Join a channel, and wait for the relay's word that the client is in."""
    url, tokens = cast("str", place["url"]), cast("list[str]", place["tokens"])
    app_id, channel = cast("str", place["app_id"]), cast("str", place["channel"])
    local = await client.gather()
    request = protocol.JoinRequest(app_id, channel, Secret(tokens[uid - 1]), uid, client.ssrc, local)
    response = await http.post(url + protocol.JOIN_PATH, json=request.to_json())
    answer = protocol.JoinAnswer.parse(response.content)
    await client.connect(answer.peer)
    path = f"{protocol.EVENTS_PATH}?sid={answer.sid}"
    events = await connect(url.replace("http", "ws", 1) + path, proxy=None, compression=None)
    while True:
        event = protocol.parse_event(await events.recv())
        if isinstance(event, protocol.Joined) and event.uid == uid:
            return events


async def _drain(events: ClientConnection) -> None:
    """Read what the relay says, until this is cancelled."""
    async with events:
        async for _ in events:
            pass
