"""One client of the PCM door: its member of the room, and its WebSocket, which it may lose and replace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from offhook.interfaces import (
    PTIME_MS,
    AudioFrame,
    LegClosed,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook_mockserver.doors.client import renew, serve
from offhook_mockserver.doors.outbox import Outbox
from offhook_mockserver.rooms.client_path import ClientPath
from offhook_mockserver.rooms.token_life import TokenLife
from offhook_wire.pcm_protocol import (
    MAX_TEXT_BYTES,
    Audio,
    Joined,
    Misuse,
    PcmEvent,
    Present,
    Unpublish,
    Welcome,
    encode,
    parse_client_message,
)
from offhook_wire.relay_protocol import (
    Kicked,
    Leave,
    Left,
    Published,
    Renew,
    TokenExpiring,
    Unpublished,
)
from offhook_wire.strict_json import WHOLE, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Message
    from starlette.websockets import WebSocket

    from offhook.secret import Secret
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room
    from offhook_wire.access_token import AccessToken


_log = logging.getLogger(__name__)

#: Codes with which the WebSocket closes when a client violates its protocol (RFC 6455, section 7.4.1).
_BREACHES: Final[Mapping[int, str]] = {
    1002: "violates the protocol",
    1007: "is not UTF-8",
    1008: "has too many frames",
    1009: "is too large",
}


class PcmClient:
    """A PCM member and the client that it speaks for. It joins when it is created; `attend` serves each WebSocket.

    Args:
        room: the room that it joins.
        uid: its uid there; 0 lets the room choose one.
        rejoin_token: the secret with which the client proves itself when it comes back.
        forget: called once, when the member has left the room.

    Raises:
        RoomError: the room is closed.
    """

    def __init__(
        self,
        room: Room,
        uid: int,
        rejoin_token: str,
        *,
        forget: Callable[[], object],
    ) -> None:
        self.rejoin_token = rejoin_token
        self._room = room
        self._forget = forget
        self._over = False
        self._outbox: Outbox | None = None
        self._token = TokenLife(room.clock, self._token_expires, lambda: room.token_expired(self.member))
        self.member: PcmMember = room.join_pcm(uid, self)
        self._path = ClientPath(self.kick, self._path_changed)
        room.faults.entered(self.member.uid, self._path)

    async def attend(self, websocket: WebSocket, access: AccessToken) -> None:
        """Serve a WebSocket, which replaces an earlier one. A client that loses it may come back.

        Args:
            websocket: the accepted WebSocket.
            access: the token that the client joined with, verified just now.
        """
        outbox = self._welcome(access)
        try:
            await serve(websocket, outbox, self._listen(websocket, outbox), outbox.ended)
        finally:
            if outbox is self._outbox:
                self._outbox = None
                self.member.lose(self._end)

    def is_in(self, room: Room, uid: int) -> bool:
        """Whether its member is in this room as `uid`."""
        return self._room is room and self.member.uid == uid and self.member.present

    def kick(self, reason: str) -> None:
        """Remove the client from the room."""
        self._room.kick(self.member, reason)

    def on_event(self, event: RoomEvent) -> None:
        """Queue an event for the client. A client that is away gets the state of the room instead, when it is back."""
        match event:
            case MemberJoined(uid):
                self._path.restarted(uid)
                self._put(Joined(uid))
            case MemberPublished(uid):
                self._put(Published(uid))
            case MemberUnpublished(uid):
                self._put(Unpublished(uid))
            case MemberLeft(uid, reason):
                self._put(Left(uid, reason))
            case LegClosed(reason):
                self._put(Kicked(reason))
                self._end()

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Queue audio for the client, unless it is away."""
        line = self._path.heard
        if line is None:
            self._queue(uid, frame)
        else:
            self._path.carry_pcm(line, uid, frame, lambda late: self._queue(uid, late))

    def _queue(self, uid: int, frame: AudioFrame) -> None:
        if self._outbox is not None:
            in_time = self._outbox.put_audio(Audio(uid, frame.position, frame.pcm).to_bytes())
            self._room.counters.audio_dropped += not in_time

    def _welcome(self, access: AccessToken) -> Outbox:
        # Without an outbox, events are discarded. A new member's waiting events are passed on now, and so discarded,
        # because the welcome reports the same; nothing is awaited in between, so that no event is lost or
        # reported twice.
        self._drop_connection()
        self.member.introduce()
        outbox = self._outbox = Outbox(lambda: self.kick("too far behind"))
        members = tuple(Present(other.uid, other.published) for other in self._room.members if other is not self.member)
        self._put(Welcome(self.member.uid, self.member.rate_hz, self.rejoin_token, members))
        if self._over:
            self._put(Kicked("removed while it joined"))
            self._drop_connection()
        else:
            self.member.recover()
            self._token.verified(access)
            self._token.start()
        return outbox

    async def _listen(self, websocket: WebSocket, outbox: Outbox) -> None:
        try:
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                if outbox is not self._outbox:
                    return  # it is out of the room, or came back over another WebSocket
                # Also when nothing can be sent any more: a client may say that it leaves and close at once.
                self._take(message)
            if (breach := _BREACHES.get(message.get("code", 0))) and outbox is self._outbox:
                raise ProtocolError(WHOLE, breach)
        except ProtocolError as error:
            _log.info("uid %d sent an invalid message: %s", self.member.uid, error)
            self._room.counters.malformed += 1
            self.kick(f"malformed: {error}")
        finally:
            outbox.end()

    def _take(self, message: Message) -> None:
        data = message.get("bytes")
        if data is not None:
            self._speak(Audio.parse(data))
            return
        text = message.get("text") or ""
        if len(text) > MAX_TEXT_BYTES:
            raise ProtocolError(WHOLE, f"must be at most {MAX_TEXT_BYTES} characters")
        match parse_client_message(text):
            case Renew(token):
                self._renew(token)
            case Unpublish():
                self.member.unpublish()
            case Misuse(name, detail):
                self._room.report_misuse(self.member.uid, name, detail)
            case Leave():
                self.member.leave()
                self._end()

    def _speak(self, audio: Audio) -> None:
        if audio.uid:
            raise ProtocolError("uid", "of audio must be 0: a client sends only its own audio")
        frame = AudioFrame(audio.pcm, self.member.rate_hz, audio.position)
        if frame.duration_ms > PTIME_MS:
            raise ProtocolError(WHOLE, f"must hold at most {PTIME_MS} ms of audio, got {frame.duration_ms:g} ms")
        line = self._path.sent
        if line is None:
            self._pass_on(frame)
        else:
            self._path.carry_pcm(line, 0, frame, self._pass_on)

    def _pass_on(self, frame: AudioFrame) -> None:
        self.member.publish()
        self.member.send(frame)

    def _path_changed(self) -> None:
        # A client of this door notices a blackout as the loss of its WebSocket; joins are held until the end.
        if self._path.cut:
            self._drop_connection()
            self.member.lose(self._end)

    def _renew(self, token: Secret) -> None:
        self._put(renew(token, self._room, self.member.uid, self._token))
        if not self._over:  # a client that is too far behind to take the answer is out now
            self._token.start()

    def _token_expires(self, in_s: int) -> None:
        self._room.token_expires(self.member.uid, in_s)
        self._put(TokenExpiring(in_s))

    def _put(self, event: PcmEvent) -> None:
        if self._outbox is not None:
            self._outbox.put(encode(event))

    def _drop_connection(self) -> None:
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            outbox.end()

    def _end(self) -> None:
        """End the client, because the member has left the room. Idempotent."""
        if not self._over:
            self._over = True
            self._room.faults.left(self._path)
            self._token.stop()
            self._drop_connection()
            self._forget()
