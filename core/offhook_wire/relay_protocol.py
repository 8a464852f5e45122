"""The messages between a leg and a relay, protocol 2: JSON over HTTP to join, over a WebSocket for the room's events.

``GET /relay`` answers `HEALTH`. ``POST /relay/join`` takes a `JoinRequest` and answers a `JoinAnswer` or a `Refusal`.
``/relay/events?sid=`` is a WebSocket: the relay sends events, the leg `Leave` and `Renew`. The first event that names
the leg's own uid means that its media works and it is in the room; losing the WebSocket means that the member is gone.

**Tokens.** `TokenExpiring` comes 30 s before a token's end, or at half of a shorter life. Each `Renew` is answered, in
order, by `Renewed` or `RenewalRefused`; after a refusal the token before goes on until its end, which is
``kicked: token expired``. The relay counts a token's life from the moment it was verified, on a clock that is not set.

**Coming back.** A leg that lost its connection joins again with `rejoin` true, its old uid and its old SSRC. The relay
then goes on with the SSRCs and the numbering that this leg heard before; it refuses with ``replaced`` when somebody
else has joined as that uid meanwhile. After a `Kicked` a leg does not come back.

Protocol 1 knew none of this, and its legs end at an event that they do not know: both sides must speak 2.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from offhook.interfaces import LeaveReason
from offhook.secret import Secret
from offhook_wire.strict_json import Fields, ProtocolError

PROTOCOL: Final = 2
HEALTH_PATH: Final = "/relay"
JOIN_PATH: Final = "/relay/join"
EVENTS_PATH: Final = "/relay/events"
#: A client that has not joined after so long, and a join that is not answered by then, are given up, in seconds.
JOIN_TIMEOUT_S: Final = 10.0
#: Larger requests, answers and events are refused, in bytes.
MAX_MESSAGE_BYTES: Final = 65_536

_UINT32: Final = 2**32 - 1
_MAX_TOKEN: Final = 4096
_MAX_CANDIDATES: Final = 16
_MAX_FINGERPRINTS: Final = 8
_MAX_MEMBERS: Final = 512

Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Health:
    """What a relay says it is."""

    protocol: int = PROTOCOL

    def to_json(self) -> Json:
        return {"relay": "offhook", "protocol": self.protocol}

    @classmethod
    def parse(cls, text: str | bytes) -> Health:
        """Raises `ProtocolError` when it is another server's answer."""
        fields = Fields.of_text(text)
        if fields.text("relay") != "offhook":
            raise ProtocolError("relay", "must be offhook")
        return cls(fields.integer("protocol", 1, 1000))


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a peer can be reached by UDP."""

    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash of a peer's certificate, for example ``sha-256``."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class PeerParameters:
    """What one peer tells the other before ICE and DTLS."""

    ufrag: str
    password: str = field(repr=False)
    candidates: tuple[Candidate, ...]
    fingerprints: tuple[Fingerprint, ...]

    def to_json(self) -> Json:
        return {
            "ice": {
                "ufrag": self.ufrag,
                "pwd": self.password,
                "candidates": [{"ip": candidate.ip, "port": candidate.port} for candidate in self.candidates],
            },
            "dtls": {
                "fingerprints": [{"algorithm": item.algorithm, "value": item.value} for item in self.fingerprints]
            },
        }

    @classmethod
    def read(cls, fields: Fields) -> PeerParameters:
        """Take ``ice`` and ``dtls`` out of a message."""
        ice, dtls = fields.nested("ice"), fields.nested("dtls")
        candidates: list[Candidate] = []
        for item in ice.objects("candidates", most=_MAX_CANDIDATES):
            candidates.append(Candidate(item.text("ip"), item.integer("port", 1, 65_535)))
            item.end()
        fingerprints: list[Fingerprint] = []
        for item in dtls.objects("fingerprints", most=_MAX_FINGERPRINTS):
            fingerprints.append(Fingerprint(item.text("algorithm"), item.text("value")))
            item.end()
        if not fingerprints:
            raise ProtocolError("dtls.fingerprints", "must hold at least one")
        read = cls(ice.text("ufrag"), ice.text("pwd"), tuple(candidates), tuple(fingerprints))
        ice.end()
        dtls.end()
        return read


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A leg wants to join; `ssrc` is what it will send under, and uid 0 lets the relay choose.

    With `rejoin` it was in before, as this uid and under this SSRC.
    """

    app_id: str
    channel: str
    token: Secret
    uid: int
    ssrc: int
    peer: PeerParameters
    rejoin: bool = False

    def to_json(self) -> Json:
        """For the wire: the token is in the clear here."""
        return {
            "appId": self.app_id,
            "channel": self.channel,
            "token": self.token.reveal(),
            "uid": self.uid,
            "ssrc": self.ssrc,
            "rejoin": self.rejoin,
            **self.peer.to_json(),
        }

    @classmethod
    def parse(cls, text: str | bytes) -> JoinRequest:
        """Raises `ProtocolError`."""
        fields = Fields.of_text(text)
        request = cls(
            app_id=fields.text("appId"),
            channel=fields.text("channel"),
            token=Secret(fields.text("token", longest=_MAX_TOKEN)),
            uid=fields.integer("uid", 0, _UINT32),
            ssrc=fields.integer("ssrc", 0, _UINT32),
            peer=PeerParameters.read(fields),
            rejoin=fields.boolean("rejoin"),
        )
        fields.end()
        return request


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """Somebody who is in the room already, and the SSRC under which the leg will hear them."""

    uid: int
    ssrc: int
    published: bool


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The relay expects the leg: `sid` opens its WebSocket."""

    sid: str = field(repr=False)
    uid: int
    payload_type: int
    peer: PeerParameters
    members: tuple[MemberInfo, ...]

    def to_json(self) -> Json:
        return {
            "sid": self.sid,
            "uid": self.uid,
            "payloadType": self.payload_type,
            "members": [
                {"uid": member.uid, "ssrc": member.ssrc, "published": member.published} for member in self.members
            ],
            **self.peer.to_json(),
        }

    @classmethod
    def parse(cls, text: str | bytes) -> JoinAnswer:
        """Raises `ProtocolError`."""
        fields = Fields.of_text(text)
        members: list[MemberInfo] = []
        for item in fields.objects("members", most=_MAX_MEMBERS):
            uid, ssrc = item.integer("uid", 1, _UINT32), item.integer("ssrc", 0, _UINT32)
            members.append(MemberInfo(uid, ssrc, item.boolean("published")))
            item.end()
        answer = cls(
            sid=fields.text("sid"),
            uid=fields.integer("uid", 1, _UINT32),
            payload_type=fields.integer("payloadType", 96, 127),
            peer=PeerParameters.read(fields),
            members=tuple(members),
        )
        fields.end()
        return answer


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a join was refused; `reason` is Agora's 8 or 9 when it is the token's fault."""

    code: str
    message: str
    reason: int | None = None

    def to_json(self) -> Json:
        return {"error": {"code": self.code, "reason": self.reason, "message": self.message}}

    @classmethod
    def parse(cls, text: str | bytes) -> Refusal:
        """Raises `ProtocolError`."""
        error = Fields.of_text(text).nested("error")
        return cls(error.text("code"), error.text("message", longest=1024), error.optional_integer("reason", 0, 999))


# Events of the WebSocket


@dataclass(frozen=True, slots=True)
class Joined:
    """A member is in the room and will be heard under `ssrc`; or the leg itself is in."""

    uid: int
    ssrc: int

    def to_json(self) -> Json:
        return {"type": "joined", "uid": self.uid, "ssrc": self.ssrc}


@dataclass(frozen=True, slots=True)
class Published:
    """A member began to publish audio."""

    uid: int

    def to_json(self) -> Json:
        return {"type": "published", "uid": self.uid}


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A member stopped publishing audio."""

    uid: int

    def to_json(self) -> Json:
        return {"type": "unpublished", "uid": self.uid}


@dataclass(frozen=True, slots=True)
class Left:
    """A member is gone: it quit or it dropped."""

    uid: int
    reason: LeaveReason

    def to_json(self) -> Json:
        return {"type": "left", "uid": self.uid, "reason": self.reason.value}


@dataclass(frozen=True, slots=True)
class Kicked:
    """The leg was put out of the room; the WebSocket closes after it."""

    reason: str

    def to_json(self) -> Json:
        return {"type": "kicked", "reason": self.reason}


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """The leg's token ends in `in_s` seconds, rounded up."""

    in_s: int

    def to_json(self) -> Json:
        return {"type": "token_expiring", "in_s": self.in_s}


@dataclass(frozen=True, slots=True)
class Renewed:
    """The token of the oldest `Renew` that was not answered yet is in use."""

    def to_json(self) -> Json:
        return {"type": "renewed"}


@dataclass(frozen=True, slots=True)
class RenewalRefused:
    """The token of the oldest `Renew` that was not answered yet is no good; `reason` is Agora's 8 or 9."""

    reason: int
    message: str

    def to_json(self) -> Json:
        return {"type": "renewal_refused", "reason": self.reason, "message": self.message}


RelayEvent: TypeAlias = Joined | Published | Unpublished | Left | Kicked | TokenExpiring | Renewed | RenewalRefused


@dataclass(frozen=True, slots=True)
class Leave:
    """The leg leaves of its own accord; everything it wanted heard has been sent."""

    def to_json(self) -> Json:
        return {"type": "leave"}


@dataclass(frozen=True, slots=True)
class Renew:
    """The leg wants to stay on a fresh token."""

    token: Secret

    def to_json(self) -> Json:
        """For the wire: the token is in the clear here."""
        return {"type": "renew", "token": self.token.reveal()}


ClientMessage: TypeAlias = Leave | Renew


def encode(message: RelayEvent | ClientMessage) -> str:
    """The text of a WebSocket message."""
    return json.dumps(message.to_json(), separators=(",", ":"))


def parse_event(text: str | bytes) -> RelayEvent:
    """Take an event of the relay apart.

    Raises:
        ProtocolError: it is none.
    """
    fields = Fields.of_text(text)
    kind = fields.text("type")
    event: RelayEvent
    if kind == "kicked":
        event = Kicked(fields.text("reason"))
    elif kind == "token_expiring":
        event = TokenExpiring(fields.integer("in_s", 0, _UINT32))
    elif kind == "renewed":
        event = Renewed()
    elif kind == "renewal_refused":
        event = RenewalRefused(fields.integer("reason", 0, 999), fields.text("message", longest=1024))
    else:
        uid = fields.integer("uid", 1, _UINT32)
        if kind == "joined":
            event = Joined(uid, fields.integer("ssrc", 0, _UINT32))
        elif kind == "published":
            event = Published(uid)
        elif kind == "unpublished":
            event = Unpublished(uid)
        elif kind == "left":
            event = Left(uid, _leave_reason(fields))
        else:
            raise ProtocolError("type", "is not an event of this protocol")
    fields.end()
    return event


def parse_client_message(text: str | bytes) -> ClientMessage:
    """Take a message of a leg apart.

    Raises:
        ProtocolError: it is none.
    """
    fields = Fields.of_text(text)
    kind = fields.text("type")
    message: ClientMessage
    if kind == "leave":
        message = Leave()
    elif kind == "renew":
        message = Renew(Secret(fields.text("token", longest=_MAX_TOKEN)))
    else:
        raise ProtocolError("type", "must be leave or renew")
    fields.end()
    return message


def _leave_reason(fields: Fields) -> LeaveReason:
    reason = fields.text("reason")
    try:
        return LeaveReason(reason)
    except ValueError:
        raise ProtocolError("reason", "must be quit or dropped") from None
