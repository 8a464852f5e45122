"""The PCM door: one WebSocket for events and audio, which needs no media library at either end.

Its path is ``/relay/pcm``, its messages are in `offhook_wire.pcm_protocol`, and `docs/reference/pcm-door.md` describes
the whole protocol. It must be mounted behind Host and Origin checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from offhook_mockserver.doors.client import FAREWELL_S, let_in
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.doors.limits import MOST_JOINING
from offhook_mockserver.doors.pcm.client import PcmClient
from offhook_mockserver.rooms.admission import JoinRefused, check_may_join
from offhook_mockserver.rooms.member import Reservation
from offhook_mockserver.rooms.room_error import RoomError
from offhook_wire.pcm_protocol import MAX_TEXT_BYTES, PCM_PATH, PCM_PROTOCOL, Join, encode
from offhook_wire.relay_protocol import JOIN_TIMEOUT_S, Refusal
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from offhook.interfaces import Ids
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_wire.access_token import AccessToken


_log = logging.getLogger(__name__)


class PcmDoor:
    """Lets clients that speak PCM over a WebSocket into rooms; an ASGI application for its path.

    Args:
        rooms: the open rooms.
        ids: for rejoin tokens.
        most_joining: how many clients may be connected without having joined; more are refused.
        join_timeout_s: how long a client may be connected without having joined.

    """

    def __init__(
        self,
        rooms: Rooms,
        ids: Ids,
        *,
        most_joining: int = MOST_JOINING,
        join_timeout_s: float = JOIN_TIMEOUT_S,
    ) -> None:
        self._rooms = rooms
        self._ids = ids
        self._most_joining = most_joining
        self._join_timeout_s = join_timeout_s
        #: By rejoin token.
        self._clients: dict[str, PcmClient] = {}
        self._joining: set[asyncio.Timeout] = set()
        self._serving: set[asyncio.Task[object]] = set()

    @property
    def clients(self) -> int:
        """Clients in rooms, including those that have lost their WebSocket and may come back."""
        return len(self._clients)

    @property
    def connections(self) -> int:
        """WebSockets that are served now."""
        return len(self._serving)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            body = {"relay": "offhook", "door": "pcm", "protocol": PCM_PROTOCOL, "path": PCM_PATH}
            await JsonAnswer(body)(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(WebSocket(scope, receive, send))
        finally:
            self._serving.discard(task)

    async def aclose(self) -> None:
        """Remove every client and wait until it has been notified. Idempotent and bounded."""
        for client in tuple(self._clients.values()):
            client.kick("server stopped")
        for limit in self._joining:
            limit.reschedule(asyncio.get_running_loop().time())
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            client, access = await self._admit(await self._first_message(websocket), websocket)
        except JoinRefused as error:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
                async with asyncio.timeout(FAREWELL_S):
                    await websocket.send_text(encode(error.refusal))
                    await websocket.close()
        except WebSocketDisconnect:
            pass
        else:
            await client.attend(websocket, access)

    async def _first_message(self, websocket: WebSocket) -> Join:
        """Wait for a client's join.

        Raises:
            JoinRefused: its first message is not a join or comes too late, or too many joins are under way.
            WebSocketDisconnect: the client disconnected.
        """
        if len(self._joining) >= self._most_joining:
            problem = f"{len(self._joining)} joins are under way, which is the limit: try again later"
            raise JoinRefused(503, Refusal("busy", problem))
        try:
            async with asyncio.timeout(self._join_timeout_s) as limit:
                self._joining.add(limit)
                try:
                    message = await websocket.receive()
                finally:
                    self._joining.discard(limit)
        except TimeoutError:
            raise JoinRefused(408, Refusal("timeout", f"no join arrived within {self._join_timeout_s:g} s")) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text = message.get("text")
        try:
            if not text or len(text) > MAX_TEXT_BYTES:
                raise ProtocolError(WHOLE, f"must be a text message of 1 to {MAX_TEXT_BYTES} characters: a join")
            return Join.parse(text)
        except ProtocolError as error:
            _log.info("a client was refused: its first message is not a join: %s", error)
            raise JoinRefused(400, Refusal("malformed", str(error))) from None

    async def _admit(self, join: Join, websocket: WebSocket) -> tuple[PcmClient, AccessToken]:
        """Return the `PcmClient` for a join: the existing one if the client comes back in time, else a new one.

        Raises:
            JoinRefused: the client may not join.
            WebSocketDisconnect: the client disconnected while a fault held its join.
        """
        room, access = self._check(join)
        if (held := room.faults.hold_join()) is not None:
            await self._wait(room, held, websocket)
            room, access = self._check(join)
        before = self._clients.get(join.rejoin)
        if before is not None and before.is_in(room, join.uid):
            return before, access
        rejoin_token = self._ids.hex(32)
        try:
            client = PcmClient(room, join.uid, rejoin_token, forget=lambda: self._clients.pop(rejoin_token, None))
        except RoomError as error:
            raise JoinRefused(503, Refusal("unavailable", str(error))) from None
        self._clients[rejoin_token] = client
        room.reservations[client.member.uid] = Reservation(rejoin_token)
        return client, access

    def _check(self, join: Join) -> tuple[Room, AccessToken]:
        return check_may_join(self._rooms, join.app_id, join.channel, join.token, join.uid, join.rejoin or None)

    async def _wait(self, room: Room, held: Callable[[], bool], websocket: WebSocket) -> None:
        try:
            async with asyncio.timeout(None) as limit:
                self._joining.add(limit)
                try:
                    waited = await let_in(room, held, websocket.receive)
                finally:
                    self._joining.discard(limit)
        except TimeoutError:  # the door is being closed
            waited = False
        if not waited:
            raise WebSocketDisconnect
