"""The messages between a leg and a relay, protocol 2: JSON over HTTP to join, over a WebSocket for the room's events.

``GET /relay`` answers `Health`. ``POST /relay/join`` takes a `JoinRequest` and answers a `JoinAnswer` or a
`RefusalAnswer`. ``/relay/events?sid=`` is a WebSocket: the relay sends events, the leg `Leave` and `Renew`. The first
event that names the leg's own uid means that its media works and that it is in the room; when the WebSocket is lost,
the relay removes the member.

**Tokens.** The relay sends `TokenExpiring` 30 s before a token expires, or at half of a shorter life. It answers each
`Renew`, in order, with `Renewed` or `RenewalRefused`; after a refusal the previous token stays valid until it expires.
When a token expires, the relay sends ``kicked: token expired``. It counts a token's life from the moment of its
verification, on a monotonic clock.

**Coming back.** A leg that lost its connection joins again with `rejoin` true, its old uid and its old SSRC. The relay
then continues the SSRCs and the numbering that this leg heard before; it refuses with ``replaced`` when another client
has joined as that uid meanwhile. After a `Kicked` a leg does not come back.

Protocol 1 had neither renewals nor coming back, and its legs end when they receive an event that they do not know: both
sides must speak protocol 2.
"""

# Annotations are read at run time: no `from __future__ import annotations` here.
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

from offhook.interfaces import LeaveReason
from offhook.secret import Secret
from offhook_wire.message import Items, Mark, Message, Name, Range, Text, one_of

PROTOCOL: Final = 2
HEALTH_PATH: Final = "/relay"
JOIN_PATH: Final = "/relay/join"
EVENTS_PATH: Final = "/relay/events"
#: The time limit for a client to join, and for a join to be answered, in seconds.
JOIN_TIMEOUT_S: Final = 10.0
#: The largest request, answer or event that is accepted, in bytes.
MAX_MESSAGE_BYTES: Final = 65_536
#: Members that one message may list.
MAX_MEMBERS: Final = 512

_UINT32: Final = 2**32 - 1

ShortText: TypeAlias = Annotated[str, Text(256)]
#: A message for people.
LongText: TypeAlias = Annotated[str, Text(1024)]
Token: TypeAlias = Annotated[Secret, Text(4096)]
Uid: TypeAlias = Annotated[int, Range(1, _UINT32)]
#: 0 lets the room choose.
WantedUid: TypeAlias = Annotated[int, Range(0, _UINT32)]
#: Agora's codes: 8 for an invalid token, 9 for an expired one.
ReasonCode: TypeAlias = Annotated[int, Range(0, 999)]
_Uint32: TypeAlias = Annotated[int, Range(0, _UINT32)]


@dataclass(frozen=True, slots=True)
class Health(Message):
    """What a relay says it is."""

    OPEN: ClassVar[bool] = True
    relay: Literal["offhook"] = field(default="offhook", kw_only=True)
    protocol: Annotated[int, Range(1, 1000)] = PROTOCOL


@dataclass(frozen=True, slots=True)
class Candidate(Message):
    """An address at which a peer can be reached by UDP."""

    ip: ShortText
    port: Annotated[int, Range(1, 65_535)]


@dataclass(frozen=True, slots=True)
class Fingerprint(Message):
    """The hash of a peer's certificate; an algorithm is, for example, ``sha-256``."""

    algorithm: ShortText
    value: ShortText


@dataclass(frozen=True, slots=True)
class Ice(Message):
    """What a peer sends for ICE."""

    ufrag: ShortText
    password: Annotated[str, Text(256), Name("pwd")] = field(repr=False)
    candidates: Annotated[tuple[Candidate, ...], Items(0, 16)]


@dataclass(frozen=True, slots=True)
class Dtls(Message):
    """What a peer sends for DTLS."""

    fingerprints: Annotated[tuple[Fingerprint, ...], Items(1, 8)]


@dataclass(frozen=True, slots=True)
class PeerParameters(Message):
    """What one peer sends the other before ICE and DTLS."""

    ice: Ice
    dtls: Dtls

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Where the peer can be reached."""
        return self.ice.candidates


@dataclass(frozen=True, slots=True)
class JoinRequest(Message):
    """A leg wants to join, and will send under `ssrc`; with uid 0 the relay chooses the uid.

    With `rejoin`, the leg was in the channel before, as this uid and under this SSRC.
    """

    app_id: Annotated[str, Text(256), Name("appId")]
    channel: ShortText
    token: Token
    uid: WantedUid
    ssrc: _Uint32
    rejoin: bool = field(default=False, kw_only=True)
    peer: Annotated[PeerParameters, Mark.INLINE]


@dataclass(frozen=True, slots=True)
class MemberInfo(Message):
    """A member that is in the room already, and the SSRC under which the leg will hear it."""

    uid: Uid
    ssrc: _Uint32
    published: bool


@dataclass(frozen=True, slots=True)
class JoinAnswer(Message):
    """The relay expects the leg: `sid` opens its WebSocket."""

    sid: ShortText = field(repr=False)
    uid: Uid
    payload_type: Annotated[int, Range(96, 127), Name("payloadType")]
    members: Annotated[tuple[MemberInfo, ...], Items(0, MAX_MEMBERS)]
    peer: Annotated[PeerParameters, Mark.INLINE]


@dataclass(frozen=True, slots=True)
class Refusal(Message):
    """Why a join was refused; `reason` is set when the token is at fault."""

    TYPE: ClassVar[str | None] = "refused"
    OPEN: ClassVar[bool] = True
    code: ShortText
    reason: ReasonCode | None = field(default=None, kw_only=True)
    message: LongText


@dataclass(frozen=True, slots=True)
class RefusalAnswer(Message):
    """A refusal as the answer to a `JoinRequest`."""

    OPEN: ClassVar[bool] = True
    error: Refusal


# Events of the WebSocket


@dataclass(frozen=True, slots=True)
class Joined(Message):
    """A member is in the room and will be heard under `ssrc`; or the leg itself is in."""

    TYPE: ClassVar[str | None] = "joined"
    uid: Uid
    ssrc: _Uint32


@dataclass(frozen=True, slots=True)
class Published(Message):
    """A member began to publish audio."""

    TYPE: ClassVar[str | None] = "published"
    uid: Uid


@dataclass(frozen=True, slots=True)
class Unpublished(Message):
    """A member stopped publishing audio."""

    TYPE: ClassVar[str | None] = "unpublished"
    uid: Uid


@dataclass(frozen=True, slots=True)
class Left(Message):
    """A member is gone: it quit or it dropped."""

    TYPE: ClassVar[str | None] = "left"
    uid: Uid
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class Kicked(Message):
    """The leg was put out of the room; the WebSocket closes after it."""

    TYPE: ClassVar[str | None] = "kicked"
    reason: ShortText


@dataclass(frozen=True, slots=True)
class TokenExpiring(Message):
    """The leg's token expires in `in_s` seconds, rounded up."""

    TYPE: ClassVar[str | None] = "token_expiring"
    in_s: _Uint32


@dataclass(frozen=True, slots=True)
class Renewed(Message):
    """The token of the oldest unanswered `Renew` is in use."""

    TYPE: ClassVar[str | None] = "renewed"


@dataclass(frozen=True, slots=True)
class RenewalRefused(Message):
    """The token of the oldest unanswered `Renew` was refused."""

    TYPE: ClassVar[str | None] = "renewal_refused"
    reason: ReasonCode
    message: LongText


RelayEvent: TypeAlias = Joined | Published | Unpublished | Left | Kicked | TokenExpiring | Renewed | RenewalRefused


@dataclass(frozen=True, slots=True)
class Leave(Message):
    """The leg leaves of its own accord; all of its audio has been sent."""

    TYPE: ClassVar[str | None] = "leave"


@dataclass(frozen=True, slots=True)
class Renew(Message):
    """The leg wants to stay on a fresh token."""

    TYPE: ClassVar[str | None] = "renew"
    token: Token


ClientMessage: TypeAlias = Leave | Renew

#: These raise `ProtocolError` for a text that is not such a message.
parse_event: Final[Callable[[str | bytes], RelayEvent]] = one_of(get_args(RelayEvent))
parse_client_message: Final[Callable[[str | bytes], ClientMessage]] = one_of(get_args(ClientMessage))


def encode(message: RelayEvent | ClientMessage) -> str:
    """Return the text of a message."""
    return message.to_text()
