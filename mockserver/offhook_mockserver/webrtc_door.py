"""The WebRTC door: HTTP to join, a WebSocket for events, and for each client one peer that feeds an RTP member.

``GET /relay``, ``POST /relay/join``, WebSocket ``/relay/events``; messages in `offhook_wire.relay_protocol`. Whoever
mounts the routes puts Host and Origin checks in front of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect, WebSocketState

from offhook.events import (
    LeaveReason,
    LegClosed,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook_mockserver.members import RtpMember
from offhook_mockserver.rooms import RoomError
from offhook_wire.access_token import TokenInvalid
from offhook_wire.peer import Certificate, Peer, PeerFailed, make_certificate
from offhook_wire.relay_protocol import (
    EVENTS_PATH,
    HEALTH_PATH,
    JOIN_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    Health,
    JoinAnswer,
    Joined,
    JoinRequest,
    Kicked,
    Left,
    MemberInfo,
    Published,
    Refusal,
    RelayEvent,
    Unpublished,
    encode,
    parse_client_message,
)
from offhook_wire.rtp import OPUS_PAYLOAD_TYPE
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from offhook.clock import Clock
    from offhook.ids import Ids
    from offhook_mockserver.members import RoomEvent
    from offhook_mockserver.rooms import Room, Rooms
    from offhook_wire.access_token import AccessToken
    from offhook_wire.relay_protocol import PeerParameters

_log = logging.getLogger(__name__)

#: How long a leaving member's last datagrams may still be on their way, in seconds; its BYE ends the wait.
LEAVE_DRAIN_S: Final = 0.03
#: Events that a client has not read; one that is so far behind is put out.
_MAX_EVENTS: Final = 256
#: How long a client that is out has to read why, in seconds.
_FAREWELL_S: Final = 1.0
#: Between two looks at a clock that may be a test's.
_LONGEST_NAP_S: Final = 1.0


class WebRtcDoor:
    """Lets WebRTC clients into rooms.

    Args:
        rooms: the rooms there are.
        clock: the time by which tokens expire.
        ids: for the ids of event streams, and SSRCs.
        most_joining: joins that may be under way at once; more are refused.
        join_timeout_s: how long a join may be under way.
    """

    def __init__(
        self, rooms: Rooms, clock: Clock, ids: Ids, *, most_joining: int = 64, join_timeout_s: float = JOIN_TIMEOUT_S
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._most_joining = most_joining
        self._join_timeout_s = join_timeout_s
        self._certificate: Certificate | None = None
        self._attendances: dict[str, _Attendance] = {}
        self._gathering = 0

    @property
    def connections(self) -> int:
        """Clients that are in or joining."""
        return len(self._attendances)

    def routes(self) -> list[BaseRoute]:
        """What to mount, at the root of the server."""
        return [
            Route(HEALTH_PATH, self._health, methods=["GET"]),
            Route(JOIN_PATH, self._join, methods=["POST"]),
            WebSocketRoute(EVENTS_PATH, self._events),
        ]

    async def aclose(self) -> None:
        """Put every client out and wait until its sockets are closed. Idempotent."""
        attendances = tuple(self._attendances.values())
        for attendance in attendances:
            attendance.kick("server stopped")
        for attendance in attendances:
            await attendance.wait_over()

    async def _health(self, request: Request) -> Response:
        return JSONResponse(Health().to_json())

    async def _join(self, request: Request) -> Response:
        try:
            wanted = JoinRequest.parse(await _body(request))
        except ProtocolError as error:
            return _refuse(400, Refusal("malformed", str(error)))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        room = self._rooms.get(wanted.channel)
        if room is None:
            problem = (
                f"no channel {wanted.channel!r} is open here: the call is over, or nobody joined in time, or another "
                "mock started it. Dial again, and join where the grant comes from"
            )
            return _refuse(404, Refusal("no_such_channel", problem))
        if room.app_id != wanted.app_id:
            return _refuse(403, Refusal("app_id", f"channel {wanted.channel!r} belongs to another app id"))
        try:
            access = room.verify(wanted.token, wanted.uid)
        except TokenInvalid as error:
            return _refuse(403, Refusal("token_rejected", str(error), int(error.reason)))
        joining = self._gathering + sum(not attendance.admitted for attendance in self._attendances.values())
        if joining >= self._most_joining:
            return _refuse(503, Refusal("busy", f"{joining} joins are under way, which is the limit: try again"))
        self._gathering += 1
        try:
            answer = await self._expect(room, wanted, access)
        except (RoomError, OSError) as error:
            return _refuse(503, Refusal("unavailable", str(error)))
        finally:
            self._gathering -= 1
        return JSONResponse(answer.to_json())

    async def _expect(self, room: Room, wanted: JoinRequest, access: AccessToken) -> JoinAnswer:
        if self._certificate is None:
            self._certificate = make_certificate()
        attendance = _Attendance(room, wanted, access, self._certificate, self._clock, self._ids)
        sid = self._ids.hex(32)
        try:
            local = await attendance.peer.gather()
            members = attendance.expect()
        except BaseException:
            await attendance.abandon()
            raise
        self._attendances[sid] = attendance
        attendance.start(wanted.peer, self._join_timeout_s, lambda: self._attendances.pop(sid, None))
        return JoinAnswer(sid, attendance.member.uid, OPUS_PAYLOAD_TYPE, local, members)

    async def _events(self, websocket: WebSocket) -> None:
        attendance = self._attendances.get(websocket.query_params.get("sid", ""))
        if attendance is None or attendance.attached:
            await websocket.close(1008)
            return
        await attendance.attend(websocket)


class _Attendance:
    """One client: its peer, its member, its WebSocket, and the one task that owns their end."""

    def __init__(
        self, room: Room, wanted: JoinRequest, access: AccessToken, certificate: Certificate, clock: Clock, ids: Ids
    ) -> None:
        self.attached = False
        self.admitted = False
        self.peer = Peer(
            controlling=False,
            certificate=certificate,
            on_rtp=self._on_rtp,
            on_rtcp=self._on_rtcp,
            on_down=self._on_down,
        )
        self.member = RtpMember(room, wanted.uid or room.free_uid(), self.peer, self, clock=clock, ids=ids)
        self._room = room
        self._ssrc = wanted.ssrc
        self._expires_at_s = access.expires_at_s
        self._clock = clock
        self._outgoing: asyncio.Queue[RelayEvent | None] = asyncio.Queue(_MAX_EVENTS)
        self._opened = asyncio.Event()
        self._gone = asyncio.Event()
        self._reason = LeaveReason.DROPPED
        #: A join is under way, which `_end` may break off.
        self._breakable = False
        self._task: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def expect(self) -> tuple[MemberInfo, ...]:
        """Have the room tell us everything from now on; who is there now. In one go, so that nothing is missed."""
        self._room.expect(self.member)
        return tuple(
            MemberInfo(other.uid, self.member.ssrc_of(other.uid), other.published)
            for other in self._room.members
            if other.uid != self.member.uid
        )

    async def abandon(self) -> None:
        """It did not come to a start."""
        self.member.leave(LeaveReason.DROPPED)
        await self.peer.stop()

    def start(self, remote: PeerParameters, timeout_s: float, forget: Callable[[], object]) -> None:
        """Connect, and attend until the end; then call `forget`."""
        self._task = asyncio.create_task(self._run(remote, timeout_s, forget))

    async def attend(self, websocket: WebSocket) -> None:
        """Serve the client's WebSocket. Losing it is losing the member."""
        self.attached = True
        await websocket.accept()
        self._opened.set()
        tasks = (asyncio.create_task(self._pump(websocket)), asyncio.create_task(self._listen(websocket)))
        try:
            await self._gone.wait()
            # The client's last events; one that does not read them is not waited for.
            await asyncio.wait(tasks, timeout=_FAREWELL_S)
        finally:
            self._end(LeaveReason.DROPPED)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def kick(self, reason: str) -> None:
        """Put the client out."""
        self._room.kick(self.member, reason)
        self._end(LeaveReason.DROPPED)

    async def wait_over(self) -> None:
        """Wait until everything is closed."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def on_event(self, event: RoomEvent) -> None:
        """Queue an event of the room for the client."""
        match event:
            case MemberJoined(uid):
                self._put(Joined(uid, self.member.ssrc_of(uid)))
            case MemberPublished(uid):
                self._put(Published(uid))
            case MemberUnpublished(uid):
                self._put(Unpublished(uid))
            case MemberLeft(uid, reason):
                self._put(Left(uid, reason))
            case LegClosed(reason):
                self._put(Kicked(reason))
                self._end(LeaveReason.DROPPED)

    async def _run(self, remote: PeerParameters, timeout_s: float, forget: Callable[[], object]) -> None:
        try:
            if not self._gone.is_set():
                self._breakable = True
                async with asyncio.timeout(timeout_s):
                    await self.peer.connect(remote)
                    await self._opened.wait()
                self._breakable = False
                self._room.admit(self.member)
                self.admitted = True
                self._put(Joined(self.member.uid, self._ssrc))
                self._watch_expiry()
                await self._gone.wait()
        except asyncio.CancelledError:
            # Only `_end` cancels this task, to break off a join.
            pass
        except TimeoutError:
            _log.info("uid %d did not get in within %g s", self.member.uid, timeout_s)
        except (PeerFailed, RoomError, ConnectionError) as error:
            _log.info("uid %d did not get in: %s", self.member.uid, error)
        finally:
            self._breakable = False
            self._gone.set()
            if self._expiry is not None:
                self._expiry.cancel()
            self.member.leave(self._reason)
            self._put(None)
            await self.peer.stop()
            forget()

    async def _listen(self, websocket: WebSocket) -> None:
        try:
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                text = message.get("text") or ""
                if len(text) > MAX_MESSAGE_BYTES:
                    raise ProtocolError(WHOLE, f"must be at most {MAX_MESSAGE_BYTES} characters")
                parse_client_message(text)
                # What it said last is in the socket already; let it through before the others hear that it left.
                await self.member.wait_ended(LEAVE_DRAIN_S)
                self._end(LeaveReason.QUIT)
        except ProtocolError as error:
            _log.warning("uid %d sent what is no message: %s", self.member.uid, error)
        finally:
            self._end(LeaveReason.DROPPED)

    async def _pump(self, websocket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while (event := await self._outgoing.get()) is not None:
                await websocket.send_text(encode(event))
            if websocket.application_state is not WebSocketState.DISCONNECTED:
                await websocket.close()

    def _put(self, event: RelayEvent | None) -> None:
        try:
            self._outgoing.put_nowait(event)
        except asyncio.QueueFull:
            # It does not read: the oldest makes room for the end.
            self._outgoing.get_nowait()
            self._outgoing.put_nowait(event)
            self._end(LeaveReason.DROPPED)

    def _end(self, reason: LeaveReason) -> None:
        if not self._gone.is_set():
            self._reason = reason
            self._gone.set()
            if self._breakable and self._task is not None:
                self._task.cancel()

    def _watch_expiry(self) -> None:
        left_s = self._expires_at_s - self._clock.wall_s()
        if left_s <= 0:
            self.kick("token expired")
        else:
            nap_s = min(left_s, _LONGEST_NAP_S)
            self._expiry = asyncio.get_running_loop().call_later(nap_s, self._watch_expiry)

    def _on_rtp(self, data: bytes) -> None:
        self.member.on_rtp(data)

    def _on_rtcp(self, data: bytes) -> None:
        self.member.on_rtcp(data)

    def _on_down(self, reason: str) -> None:
        self._end(LeaveReason.DROPPED)


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
    return JSONResponse(refusal.to_json(), status)
