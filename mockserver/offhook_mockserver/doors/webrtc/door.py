"""The WebRTC door: HTTP to join, a WebSocket for events, and for each client one peer that feeds an RTP member.

Its routes are ``GET /relay``, ``POST /relay/join`` and the WebSocket ``/relay/events``; its messages are in
`offhook_wire.relay_protocol`. The routes must be mounted behind Host and Origin checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from offhook_mockserver.doors.client import let_in
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.doors.limits import MOST_JOINING
from offhook_mockserver.doors.webrtc.client import WebRtcClient
from offhook_mockserver.rooms.admission import JoinRefused, check_may_join
from offhook_mockserver.rooms.member import Reservation
from offhook_mockserver.rooms.room_error import RoomError
from offhook_wire.peer import Certificate, make_certificate, make_ports
from offhook_wire.relay_protocol import (
    EVENTS_PATH,
    HEALTH_PATH,
    JOIN_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    Health,
    JoinAnswer,
    JoinRequest,
    Refusal,
    RefusalAnswer,
)
from offhook_wire.rtp import OPUS_PAYLOAD_TYPE
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.rooms.room import Room
    from offhook_mockserver.rooms.rooms import Rooms
    from offhook_wire.access_token import AccessToken
    from offhook_wire.impairment import Impairment


#: Longer than the pause between two of ICE's consent checks (up to 6 s), so every live client sends something in time.
SILENCE_S: Final = 7.0


class WebRtcDoor:
    """Lets WebRTC clients into rooms.

    Args:
        rooms: the open rooms.
        clock: the time by which tokens expire.
        ids: for the ids of event streams, and SSRCs.
        most_joining: how many joins may be under way at once; more are refused.
        join_timeout_s: how long a join may take.
        silence_s: a client is dropped when nothing (audio, reports, consent checks) has arrived for this long.
        incoming: impairs all datagrams from clients, for tests.
        outgoing: impairs all datagrams to clients, for tests.
    """

    def __init__(
        self,
        rooms: Rooms,
        clock: Clock,
        ids: Ids,
        *,
        most_joining: int = MOST_JOINING,
        join_timeout_s: float = JOIN_TIMEOUT_S,
        silence_s: float = SILENCE_S,
        incoming: Impairment | None = None,
        outgoing: Impairment | None = None,
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._most_joining = most_joining
        self._join_timeout_s = join_timeout_s
        self._silence_s = silence_s
        self._incoming = incoming
        self._outgoing = outgoing
        self._certificate: Certificate | None = None
        self._ports = make_ports()
        self._clients: dict[str, WebRtcClient] = {}
        self._gathering = 0

    @property
    def connections(self) -> int:
        """Clients that are in a room or joining one."""
        return len(self._clients)

    @property
    def strays(self) -> int:
        """Datagrams that arrived at the door's ports and were no client's."""
        return self._ports.counts.packets_stray

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root of the server."""
        return [
            Route(HEALTH_PATH, self._health, methods=["GET"]),
            Route(JOIN_PATH, self._join, methods=["POST"]),
            WebSocketRoute(EVENTS_PATH, self._events),
        ]

    async def aclose(self) -> None:
        """Remove every client and wait until its sockets are closed. Idempotent."""
        clients = tuple(self._clients.values())
        for client in clients:
            client.kick("server stopped")
        for client in clients:
            await client.wait_over()

    async def _health(self, request: Request) -> Response:
        return JsonAnswer(Health().to_json())

    async def _join(self, request: Request) -> Response:
        try:
            wanted = JoinRequest.parse(await _body(request))
        except ProtocolError as error:
            return _refuse(400, Refusal("malformed", str(error)))
        except ClientDisconnect:
            return Response(status_code=400)  # the client has gone and does not read it
        try:
            room, access = self._check(wanted)
            if (held := room.faults.hold_join()) is not None:
                if not await let_in(room, held, request.receive):
                    return Response(status_code=400)  # the client has gone and does not read it
                room, access = self._check(wanted)
        except JoinRefused as error:
            return _refuse(error.status, error.refusal)
        joining = self._gathering + sum(not client.admitted for client in self._clients.values())
        if joining >= self._most_joining:
            return _refuse(503, Refusal("busy", f"{joining} joins are under way, which is the limit: try again later"))
        self._gathering += 1
        try:
            answer = await self._expect(room, wanted, access)
        except (RoomError, OSError) as error:
            return _refuse(503, Refusal("unavailable", str(error)))
        finally:
            self._gathering -= 1
        return JsonAnswer(answer.to_json())

    def _check(self, wanted: JoinRequest) -> tuple[Room, AccessToken]:
        return check_may_join(
            self._rooms,
            wanted.app_id,
            wanted.channel,
            wanted.token,
            wanted.uid,
            wanted.ssrc if wanted.rejoin else None,
        )

    async def _expect(self, room: Room, wanted: JoinRequest, access: AccessToken) -> JoinAnswer:
        if self._certificate is None:
            self._certificate = make_certificate()
        before = room.reservations.get(wanted.uid)
        client = WebRtcClient(
            room,
            wanted,
            access,
            self._certificate,
            clock=self._clock,
            ids=self._ids,
            silence_s=self._silence_s,
            streams=before.streams if before is not None and before.identity == wanted.ssrc else None,
            ports=self._ports,
            incoming=self._incoming,
            outgoing=self._outgoing,
        )
        member = client.member
        sid = self._ids.hex(32)
        try:
            local = await client.peer.gather()
            members = client.expect()
        except BaseException:
            await client.abandon()
            raise
        self._clients[sid] = client
        client.start(
            wanted.peer,
            self._join_timeout_s,
            admitted=lambda: room.reservations.update({member.uid: Reservation(wanted.ssrc, member.streams)}),
            forget=lambda: self._clients.pop(sid, None),
        )
        return JoinAnswer(sid, member.uid, OPUS_PAYLOAD_TYPE, members, local)

    async def _events(self, websocket: WebSocket) -> None:
        client = self._clients.get(websocket.query_params.get("sid", ""))
        if client is None or client.attached:
            await websocket.close(1008)
            return
        await client.attend(websocket)


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ProtocolError("content-type", "must be application/json")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_MESSAGE_BYTES:
            raise ProtocolError(WHOLE, f"must be at most {MAX_MESSAGE_BYTES} bytes")
    return bytes(body)


def _refuse(status: int, refusal: Refusal) -> Response:
    return JsonAnswer(RefusalAnswer(refusal).to_json(), status)
