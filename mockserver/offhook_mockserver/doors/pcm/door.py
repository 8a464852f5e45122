"""The PCM door: one WebSocket for events and audio, which needs no media library at either end.

``/relay/pcm``; messages in `offhook_wire.pcm_protocol`, the whole protocol in `docs/reference/pcm-door.md`. Whoever
mounts it puts Host and Origin checks in front of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from offhook_mockserver.doors.pcm.client import PcmClient, PcmCounters
from offhook_mockserver.rooms.admission import JoinRefused, check_may_join
from offhook_mockserver.rooms.member import Reservation
from offhook_mockserver.rooms.room import RoomError
from offhook_wire.pcm_protocol import MAX_TEXT_BYTES, PCM_PATH, PCM_PROTOCOL, Join, encode
from offhook_wire.relay_protocol import JOIN_TIMEOUT_S, Refusal
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_wire.access_token import AccessToken


_log = logging.getLogger(__name__)

#: How long a refused client has to read why, in seconds.
_FAREWELL_S: Final = 0.5


class PcmDoor:
    """Lets clients that speak PCM over a WebSocket into rooms; an ASGI application for its path.

    Args:
        rooms: the rooms there are.
        clock: the time by which tokens expire.
        ids: for places.
        most_joining: clients that may be connected and not have joined; more are refused.
        join_timeout_s: how long a client may be connected and not have joined.

    Attributes:
        counters: what clients did wrong.
    """

    def __init__(
        self,
        rooms: Rooms,
        clock: Clock,
        ids: Ids,
        *,
        most_joining: int = 64,
        join_timeout_s: float = JOIN_TIMEOUT_S,
    ) -> None:
        self.counters: PcmCounters = PcmCounters()
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._most_joining = most_joining
        self._join_timeout_s = join_timeout_s
        #: Who has a place, by that.
        self._attendances: dict[str, PcmClient] = {}
        self._joining: set[asyncio.Timeout] = set()
        self._serving: set[asyncio.Task[object]] = set()

    @property
    def places(self) -> int:
        """Clients that are in, those among them that have lost their WebSocket and may come back."""
        return len(self._attendances)

    @property
    def connections(self) -> int:
        """WebSockets that are served."""
        return len(self._serving)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            body = {"relay": "offhook", "door": "pcm", "protocol": PCM_PROTOCOL, "path": PCM_PATH}
            await JSONResponse(body)(scope, receive, send)
            return
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(WebSocket(scope, receive, send))
        finally:
            self._serving.discard(task)

    async def aclose(self) -> None:
        """Put every client out and wait until they have been told. Idempotent and bounded."""
        for attendance in tuple(self._attendances.values()):
            attendance.kick("server stopped")
        for limit in self._joining:
            limit.reschedule(asyncio.get_running_loop().time())
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            attendance, access = self._admit(await self._first_message(websocket))
        except JoinRefused as error:
            with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
                async with asyncio.timeout(_FAREWELL_S):
                    await websocket.send_text(encode(error.refusal))
                    await websocket.close()
        except WebSocketDisconnect:
            pass
        else:
            await attendance.attend(websocket, access)

    async def _first_message(self, websocket: WebSocket) -> Join:
        """How a client asks to be let in.

        Raises:
            NotAdmitted: it says something else, or nothing in time, or too many are asking.
            WebSocketDisconnect: it went.
        """
        if len(self._joining) >= self._most_joining:
            problem = f"{len(self._joining)} joins are under way, which is the limit: try again"
            raise JoinRefused(503, Refusal("busy", problem))
        try:
            async with asyncio.timeout(self._join_timeout_s) as limit:
                self._joining.add(limit)
                try:
                    message = await websocket.receive()
                finally:
                    self._joining.discard(limit)
        except TimeoutError:
            raise JoinRefused(408, Refusal("timeout", f"no join came within {self._join_timeout_s:g} s")) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        text = message.get("text")
        try:
            if not text or len(text) > MAX_TEXT_BYTES:
                raise ProtocolError(WHOLE, f"must be a text of 1 to {MAX_TEXT_BYTES} characters: a join")
            return Join.parse(text)
        except ProtocolError as error:
            self.counters.malformed += 1
            raise JoinRefused(400, Refusal("malformed", str(error))) from None

    def _admit(self, join: Join) -> tuple[PcmClient, AccessToken]:
        """The attendance of a client that may come in: its old one when it comes back in time.

        Raises:
            NotAdmitted: it may not.
        """
        room, access = check_may_join(self._rooms, join.app_id, join.channel, join.token, join.uid, join.rejoin or None)
        before = self._attendances.get(join.rejoin)
        if before is not None and before.has_place_in(room, join.uid):
            return before, access
        place = self._ids.hex(32)
        try:
            attendance = PcmClient(
                room,
                join.uid,
                place,
                clock=self._clock,
                counters=self.counters,
                forget=lambda: self._attendances.pop(place, None),
            )
        except RoomError as error:
            raise JoinRefused(503, Refusal("unavailable", str(error))) from None
        self._attendances[place] = attendance
        room.holders[attendance.member.uid] = Reservation(place)
        return attendance, access
