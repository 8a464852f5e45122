"""The far end of the transport ``aiortc``, for conformance kits: a relay on loopback, and a network that can be cut.

While the network is cut, all media is lost; HTTP and the event streams wait until it is mended, as TCP segments would.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette

from offhook.interfaces import SystemClock
from offhook_mockserver.doors.webrtc.door import WebRtcDoor
from offhook_mockserver.far_ends.rooms import RoomsFarEnd
from offhook_mockserver.server.loop_server import LoopServer
from offhook_mockserver.server.loopback import LOOPBACK
from offhook_wire.impairment import Impairment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


#: An unfinished join is forgotten after this time: kits wait for that, and on loopback a join takes less.
_JOIN_S: Final = 2.0


class Gate:
    """An ASGI application behind a network that can be cut.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._up = asyncio.Event()
        self._up.set()

    def cut(self) -> None:
        """Hold every message back. Idempotent."""
        self._up.clear()

    def mend(self) -> None:
        """Pass messages again, those held back as well. Idempotent."""
        self._up.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def gated_receive() -> Message:
            message = await receive()
            await self._up.wait()
            return message

        async def gated_send(message: Message) -> None:
            await self._up.wait()
            await send(message)

        await self._app(scope, gated_receive, gated_send)


class RelayFarEnd(RoomsFarEnd):
    """A relay at a free port of 127.0.0.1."""

    not_claimed: Mapping[str, str] = {
        "giving up": "the call decides how long to try (CallPolicy.grace_s): the leg tries until it leaves",
    }

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self._incoming, self._outgoing = Impairment("incoming"), Impairment("outgoing")
        self._door = WebRtcDoor(
            self.rooms, self.clock, self.ids, incoming=self._incoming, outgoing=self._outgoing, join_timeout_s=_JOIN_S
        )
        self._gate = Gate(Starlette(routes=self._door.routes()))
        self._server = LoopServer(self._gate)

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._server.port}"

    async def start(self) -> None:
        await self._server.start()

    async def aclose(self) -> None:
        self.mend()
        self._server.stop_accepting()
        self.rooms.close_all()
        await self._door.aclose()
        await self._server.stop()

    def cut(self) -> None:
        self._incoming.cut = self._outgoing.cut = True
        self._gate.cut()

    def mend(self) -> None:
        self._incoming.cut = self._outgoing.cut = False
        self._gate.mend()
