"""One client of the WebRTC door, from its join until its peer, its WebSocket, its token or the room ends it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, LegClosed, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook_mockserver.doors.client import renew, serve
from offhook_mockserver.doors.outbox import Outbox
from offhook_mockserver.rooms.client_path import ClientPath
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.rooms.rtp_member import RtpMember
from offhook_mockserver.rooms.token_life import TokenLife
from offhook_wire.liveness import LivenessTimer
from offhook_wire.peer import Certificate, Peer, PeerFailed
from offhook_wire.relay_protocol import (
    MAX_MESSAGE_BYTES,
    Joined,
    Kicked,
    Leave,
    Left,
    MemberInfo,
    Published,
    RelayEvent,
    Renew,
    TokenExpiring,
    Unpublished,
    encode,
    parse_client_message,
)
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket

    from offhook.interfaces import Clock, Ids
    from offhook.secret import Secret
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.room import Room
    from offhook_wire.access_token import AccessToken
    from offhook_wire.impairment import Impairment
    from offhook_wire.relay_protocol import JoinRequest, PeerParameters
    from offhook_wire.rtp_out import OutStream
    from offhook_wire.shared_ports import SharedPorts


_log = logging.getLogger(__name__)

#: How long to wait for the last datagrams of a member that leaves, in seconds; its BYE ends the wait.
LEAVE_DRAIN_S: Final = 0.03


class WebRtcClient:
    """One client: its peer, its member, its WebSocket, and the one task that ends them.

    Args:
        room: the room that it will join.
        wanted: its join request.
        access: its token, verified just now.
        certificate: for DTLS.
        clock: the time.
        ids: for SSRCs.
        silence_s: a client from which nothing has arrived for this long is dropped.
        streams: the streams that it heard before, if it comes back; else None.
        ports: the UDP ports that all clients share.
        incoming: impairs media from the client, for tests.
        outgoing: impairs media to the client, for tests.
    """

    def __init__(
        self,
        room: Room,
        wanted: JoinRequest,
        access: AccessToken,
        certificate: Certificate,
        *,
        clock: Clock,
        ids: Ids,
        silence_s: float,
        streams: dict[int, OutStream] | None,
        ports: SharedPorts,
        incoming: Impairment | None,
        outgoing: Impairment | None,
    ) -> None:
        self.attached: bool = False
        self.admitted: bool = False
        self.peer: Peer = Peer(
            controlling=False,
            certificate=certificate,
            on_rtp=_ignore,
            on_rtcp=_ignore,
            on_down=self._on_down,
            counts=room.counters,
            incoming=incoming,
            outgoing=outgoing,
            ports=ports,
        )
        self._incoming, self._outgoing = incoming, outgoing
        self._path = ClientPath(self.kick, self._path_changed)
        uid = wanted.uid or room.free_uid()
        self.member: RtpMember = RtpMember(room, uid, self.peer, self, clock=clock, ids=ids, streams=streams)
        self.peer.pass_to(self.member.on_rtp, self.member.on_rtcp)
        self._room = room
        self._ssrc = wanted.ssrc
        self._token = TokenLife(room.clock, self._token_expires, self._expired)
        self._token.verified(access)
        self._silence = LivenessTimer(lambda: self.peer.heard, silence_s, self._fell_silent)
        self._outbox = Outbox(lambda: self._end(LeaveReason.DROPPED))
        self._opened = asyncio.Event()
        self._gone = asyncio.Event()
        self._reason = LeaveReason.DROPPED
        #: Whether `_end` may cancel the task, because a join is under way.
        self._breakable = False
        self._task: asyncio.Task[None] | None = None

    def expect(self) -> tuple[MemberInfo, ...]:
        """Receive the room's events from now on; returns the current members.

        Both happen in one step, so that no event is missed.
        """
        self._room.expect(self.member)
        return tuple(
            MemberInfo(other.uid, self.member.ssrc_of(other.uid), other.published)
            for other in self._room.members
            if other.uid != self.member.uid
        )

    async def abandon(self) -> None:
        """End a client that was never started."""
        self.member.leave(LeaveReason.DROPPED)
        await self.peer.stop()

    def start(
        self,
        remote: PeerParameters,
        timeout_s: float,
        *,
        admitted: Callable[[], object],
        forget: Callable[[], object],
    ) -> None:
        """Connect, call `admitted` when the member is in the room, and call `forget` when the client has ended."""
        self._task = asyncio.create_task(self._run(remote, timeout_s, admitted, forget))

    async def attend(self, websocket: WebSocket) -> None:
        """Serve the client's WebSocket. The member leaves when the WebSocket is lost."""
        self.attached = True
        await websocket.accept()
        self._opened.set()
        try:
            await serve(websocket, self._outbox, self._listen(websocket), self._gone)
        finally:
            self._end(LeaveReason.DROPPED)

    def kick(self, reason: str) -> None:
        """Remove the client from the room."""
        self._room.kick(self.member, reason)
        self._end(LeaveReason.DROPPED)

    async def wait_over(self) -> None:
        """Wait until the client has ended and its sockets are closed."""
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

    async def _run(
        self,
        remote: PeerParameters,
        timeout_s: float,
        admitted: Callable[[], object],
        forget: Callable[[], object],
    ) -> None:
        try:
            if not self._gone.is_set():
                self._breakable = True
                async with asyncio.timeout(timeout_s):
                    await self.peer.connect(remote)
                    await self._opened.wait()
                self._breakable = False
                self._room.admit(self.member)
                self.admitted = True
                admitted()
                self._room.faults.entered(self.member.uid, self._path)
                self._put(Joined(self.member.uid, self._ssrc))
                self._token.start()
                self._silence.start()
                await self._gone.wait()
        except asyncio.CancelledError:
            # Only `_end` cancels this task, while a join is under way.
            pass
        except TimeoutError:
            _log.info("uid %d did not join within %g s", self.member.uid, timeout_s)
        except (PeerFailed, RoomError, ConnectionError) as error:
            _log.info("uid %d did not join: %s", self.member.uid, error)
        finally:
            self._breakable = False
            self._gone.set()
            self._room.faults.left(self._path)
            self._token.stop()
            self._silence.stop()
            self.member.leave(self._reason)
            self._outbox.end()
            await self.peer.stop()
            forget()

    async def _listen(self, websocket: WebSocket) -> None:
        try:
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                text = message.get("text") or ""
                if len(text) > MAX_MESSAGE_BYTES:
                    raise ProtocolError(WHOLE, f"must be at most {MAX_MESSAGE_BYTES} characters")
                match parse_client_message(text):
                    case Renew(token):
                        self._renew(token)
                    case Leave():
                        # Its last audio is in the socket already: forward that before its `MemberLeft`.
                        await self.member.wait_ended(LEAVE_DRAIN_S)
                        self._end(LeaveReason.QUIT)
        except ProtocolError as error:
            _log.warning("uid %d sent an invalid message: %s", self.member.uid, error)
            self._room.counters.malformed += 1
        finally:
            self._end(LeaveReason.DROPPED)

    def _put(self, event: RelayEvent) -> None:
        self._outbox.put(encode(event))

    def _end(self, reason: LeaveReason) -> None:
        if not self._gone.is_set():
            self._reason = reason
            self._gone.set()
            if self._breakable and self._task is not None:
                self._task.cancel()

    def _renew(self, token: Secret) -> None:
        self._put(renew(token, self._room, self.member.uid, self._token))
        if self.admitted and not self._gone.is_set():
            self._token.start()

    def _path_changed(self) -> None:
        self.peer.impair(self._path.sent or self._incoming, self._path.heard or self._outgoing)

    def _token_expires(self, in_s: int) -> None:
        self._room.token_expires(self.member.uid, in_s)
        self._put(TokenExpiring(in_s))

    def _expired(self) -> None:
        self._room.token_expired(self.member)
        self._end(LeaveReason.DROPPED)

    def _fell_silent(self, silent: bool) -> None:
        if silent:
            _log.info("uid %d was dropped: nothing arrives from it any more", self.member.uid)
            self._end(LeaveReason.DROPPED)

    def _on_down(self, reason: str) -> None:
        self._end(LeaveReason.DROPPED)


def _ignore(data: bytes) -> None:
    """Take what arrives before there is a member for it."""
