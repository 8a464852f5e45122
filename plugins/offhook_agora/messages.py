"""What a leg and the SDK say to each other: control messages as JSON, audio as bytes.

The parent writes what stands in `ToChild`, and the child what stands in `FromChild`, whether the SDK runs in a child
process or in this one. `offhook_agora.pipe` carries them.
"""

# Annotations are read at run time: no `from __future__ import annotations` here.
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias, get_args

from offhook.interfaces import PTIME_MS, SAMPLE_BYTES
from offhook.secret import Secret
from offhook_wire.message import Message, Range, Text, one_of
from offhook_wire.strict_json import WHOLE, ProtocolError

#: Stands in the first message of each side. Both sides are of one installation, so that they differ only when an
#: upgrade replaced the files under a running program.
PROTOCOL: Final = 1

#: The rates of 16-bit samples that the SDK accepts, in hertz: it refuses every buffer of 11,025, 22,050 and 44,100 Hz.
SDK_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 32_000, 48_000)

_MOST: Final = 2**53 - 1

LegNumber: TypeAlias = Annotated[int, Range(1, 2**32 - 1)]
Number: TypeAlias = Annotated[int, Range(0, _MOST)]
Uid: TypeAlias = Annotated[int, Range(1, 2**32 - 1)]
WantedUid: TypeAlias = Annotated[int, Range(0, 2**32 - 1)]
Milliseconds: TypeAlias = Annotated[int, Range(0, 2**31 - 1)]
Token: TypeAlias = Annotated[Secret, Text(2_048)]
Folder: TypeAlias = Annotated[str, Text(4_096)]
#: For people. Writers cut it to this length, see `sentence`.
Sentence: TypeAlias = Annotated[str, Text(1_000)]


def sentence(text: str) -> str:
    """Return `text` as it fits into a `Sentence`."""
    return text[:1_000] or "unknown"


class Reason(StrEnum):
    """Why a leg is not, or no longer, in the channel. In brackets, the number of the SDK."""

    #: [3] The channel's owner removed us.
    KICKED = "kicked"
    #: [4] The SDK stopped trying.
    GAVE_UP = "gave_up"
    #: [5] We left.
    LEFT = "left"
    #: [6] The app id is not valid.
    APP_ID = "app_id"
    #: [7] The name of the channel is not valid.
    CHANNEL = "channel"
    #: [8] The token is not valid, or is for another channel or uid.
    TOKEN = "token"
    #: [9] The token has expired.
    TOKEN_EXPIRED = "token_expired"
    #: [10] The channel refused us.
    REJECTED = "rejected"
    #: [19] The same uid joined again.
    REPLACED = "replaced"
    #: [20] Too many members publish.
    TOO_MANY = "too_many"
    #: [21, 22] A licence or a certificate was not accepted.
    LICENCE = "licence"
    #: Another number of the SDK.
    UNKNOWN = "unknown"
    #: A call of the SDK returned an error, or raised one.
    SDK = "sdk"
    #: The process serves another app id already; the SDK serves one in its life.
    OTHER_APP_ID = "other_app_id"
    #: The request itself: a rate that the SDK does not know, a leg number that is in use.
    REQUEST = "request"


# From the parent


@dataclass(frozen=True, slots=True)
class Start(Message):
    """The first message: where the SDK is.

    Attributes:
        protocol: `PROTOCOL`.
        package: the folder of upstream's Python layer, which holds ``rtc/agora_service.py``.
        libraries: the folder of the native libraries.
        sdk: the version of the Python layer; None if it is not known.
    """

    TYPE: ClassVar[str | None] = "start"
    protocol: Number
    package: Folder
    libraries: Folder
    sdk: Annotated[str, Text(64)] | None = None


@dataclass(frozen=True, slots=True)
class Join(Message):
    """Join a channel as the new leg `leg`. Answered by `Joined` or `Refused`.

    Attributes:
        scenario: the number of an audio scenario of the SDK.
        lead_ms: how much audio the SDK holds ahead of what it sends.
        endpoint: the mock's base URL; None for Agora.
    """

    TYPE: ClassVar[str | None] = "join"
    leg: LegNumber
    app_id: Annotated[str, Text(128)]
    channel: Annotated[str, Text(128)]
    token: Token
    uid: WantedUid = 0
    rate_hz: Annotated[int, Range(8_000, 48_000)] = 16_000
    scenario: Annotated[int, Range(0, 99)] = 7
    lead_ms: Annotated[int, Range(0, 200)] = 100
    endpoint: Annotated[str, Text(256)] | None = None


@dataclass(frozen=True, slots=True)
class Flush(Message):
    """Drop what was sent and has not been heard. Answered by `Flushed`."""

    TYPE: ClassVar[str | None] = "flush"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class Renew(Message):
    """Stay in the channel with this token. Answered by `Renewed` or `RenewalRefused` with the same number."""

    TYPE: ClassVar[str | None] = "renew"
    leg: LegNumber
    number: Number
    token: Token


@dataclass(frozen=True, slots=True)
class Leave(Message):
    """Leave the channel. Answered by `Left`, also when the leg is unknown or gone."""

    TYPE: ClassVar[str | None] = "leave"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class Stop(Message):
    """Leave all channels and end the process. Nothing answers it but the end of the connection."""

    TYPE: ClassVar[str | None] = "stop"


# From the child


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """The SDK is loaded."""

    TYPE: ClassVar[str | None] = "ready"
    protocol: Number
    pid: Number
    sdk: Annotated[str, Text(64)] | None = None


@dataclass(frozen=True, slots=True)
class Unusable(Message):
    """The SDK cannot be loaded; the child ends.

    `code` is for programs: ``missing``, ``library``, ``symbol``, ``occupied`` or ``layer``.
    """

    TYPE: ClassVar[str | None] = "unusable"
    protocol: Number
    code: Literal["missing", "library", "symbol", "occupied", "layer"]
    message: Sentence


@dataclass(frozen=True, slots=True)
class Joined(Message):
    """Our leg is in the channel, as `uid`. Members come after it."""

    TYPE: ClassVar[str | None] = "joined"
    leg: LegNumber
    uid: Uid


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """Our leg did not join. Nothing follows about it."""

    TYPE: ClassVar[str | None] = "refused"
    leg: LegNumber
    reason: Reason
    message: Sentence


@dataclass(frozen=True, slots=True)
class Disconnected(Message):
    """The connection to the channel broke; the SDK tries to get it back."""

    TYPE: ClassVar[str | None] = "disconnected"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class Reconnected(Message):
    """The connection to the channel is back."""

    TYPE: ClassVar[str | None] = "reconnected"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class Closed(Message):
    """Our leg was put out of the channel. Nothing follows about it but `Counts`, and `Left` for a `Leave`."""

    TYPE: ClassVar[str | None] = "closed"
    leg: LegNumber
    reason: Reason
    message: Sentence


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """The SDK gave our leg up. Nothing follows about it but `Counts`, and `Left` for a `Leave`."""

    TYPE: ClassVar[str | None] = "failed"
    leg: LegNumber
    reason: Reason
    message: Sentence


@dataclass(frozen=True, slots=True)
class Left(Message):
    """Our leg has left, or was not there. Nothing follows about it."""

    TYPE: ClassVar[str | None] = "left"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class MemberJoined(Message):
    """A member is in the channel."""

    TYPE: ClassVar[str | None] = "member_joined"
    leg: LegNumber
    uid: Uid


@dataclass(frozen=True, slots=True)
class MemberPublished(Message):
    """A member began to publish audio."""

    TYPE: ClassVar[str | None] = "member_published"
    leg: LegNumber
    uid: Uid


@dataclass(frozen=True, slots=True)
class MemberUnpublished(Message):
    """A member stopped publishing audio, and is still there."""

    TYPE: ClassVar[str | None] = "member_unpublished"
    leg: LegNumber
    uid: Uid


@dataclass(frozen=True, slots=True)
class MemberLeft(Message):
    """A member has gone: it left, or it vanished."""

    TYPE: ClassVar[str | None] = "member_left"
    leg: LegNumber
    uid: Uid
    reason: Literal["quit", "dropped"]


@dataclass(frozen=True, slots=True)
class TokenExpiring(Message):
    """Our token expires soon; the SDK says so 30 s before."""

    TYPE: ClassVar[str | None] = "token_expiring"
    leg: LegNumber


@dataclass(frozen=True, slots=True)
class Renewed(Message):
    """The token of the `Renew` with this number is in use."""

    TYPE: ClassVar[str | None] = "renewed"
    leg: LegNumber
    number: Number


@dataclass(frozen=True, slots=True)
class RenewalRefused(Message):
    """The token of the `Renew` with this number was refused; the one before stays in use."""

    TYPE: ClassVar[str | None] = "renewal_refused"
    leg: LegNumber
    number: Number
    reason: Reason
    message: Sentence


@dataclass(frozen=True, slots=True)
class Flushed(Message):
    """How much audio a `Flush` dropped."""

    TYPE: ClassVar[str | None] = "flushed"
    leg: LegNumber
    dropped_ms: Milliseconds


@dataclass(frozen=True, slots=True)
class Counts(Message):
    """How much so far; sent every second and before the end of a leg. Values never fall.

    Attributes:
        frames_sent: that the SDK accepted.
        frames_dropped: that were too far ahead, or arrived before the leg published.
        frames_flushed: that `Flush` dropped before the SDK had them.
        frames_refused: that the SDK refused.
        underruns: how often the SDK ran out of audio while we were sending.
        frames_heard: frames of members that were passed on, of up to 20 ms.
        frames_lost: frames of members that were dropped since the parent did not take them.
        frames_malformed: frames of members that were not what was asked for.
        callbacks_late: callbacks of the SDK after the leg had left.
        callbacks_failed: callbacks in which our code failed.
        errors: errors that the SDK reported.
    """

    TYPE: ClassVar[str | None] = "counts"
    leg: LegNumber
    frames_sent: Number = 0
    frames_dropped: Number = 0
    frames_flushed: Number = 0
    frames_refused: Number = 0
    underruns: Number = 0
    frames_heard: Number = 0
    frames_lost: Number = 0
    frames_malformed: Number = 0
    callbacks_late: Number = 0
    callbacks_failed: Number = 0
    errors: Number = 0


@dataclass(frozen=True, slots=True)
class Alive(Message):
    """The engine works, and no call of the SDK has hung. Sent every 0.5 s after `Ready`."""

    TYPE: ClassVar[str | None] = "alive"
    number: Number


# Both ways, and only between the two ends of the pipe


@dataclass(frozen=True, slots=True)
class Credit(Message):
    """The receiver has taken `taken` frames of a leg's audio, or (leg 0) that number of control messages."""

    TYPE: ClassVar[str | None] = "credit"
    leg: Annotated[int, Range(0, 2**32 - 1)]
    taken: Annotated[int, Range(1, 1_000)]


@dataclass(frozen=True, slots=True)
class Audio:
    """Up to 20 ms of 16-bit little-endian mono samples at the leg's rate.

    Attributes:
        leg: the leg's number.
        uid: the talker; 0 from the parent, which talks only for us.
        position: in samples since the leg joined.
        pcm: the samples.
    """

    leg: int
    uid: int
    position: int
    pcm: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        return _HEADER.pack(self.leg, self.uid, self.position) + self.pcm

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises `ProtocolError`."""
        pcm = data[_HEADER.size :]
        if not 0 < len(pcm) <= MAX_PCM_BYTES or len(pcm) % SAMPLE_BYTES:
            problem = f"of {len(data)} bytes is not {_HEADER.size} bytes and up to {PTIME_MS} ms of 16-bit samples"
            raise ProtocolError(WHOLE, problem)
        leg, uid, position = _HEADER.unpack_from(data)
        if not leg:
            raise ProtocolError("leg", "must be an integer from 1 to 4294967295")
        return cls(leg, uid, position, pcm)


_HEADER: Final = struct.Struct("<IIQ")
#: One frame at the highest rate.
MAX_PCM_BYTES: Final = max(SDK_RATES_HZ) * PTIME_MS // 1000 * SAMPLE_BYTES

ToChild: TypeAlias = Start | Join | Flush | Renew | Leave | Stop
FromChild: TypeAlias = (
    Ready
    | Unusable
    | Joined
    | Refused
    | Disconnected
    | Reconnected
    | Closed
    | Failed
    | Left
    | MemberJoined
    | MemberPublished
    | MemberUnpublished
    | MemberLeft
    | TokenExpiring
    | Renewed
    | RenewalRefused
    | Flushed
    | Counts
    | Alive
)

#: These raise `ProtocolError` for a text that is not such a message.
parse_to_child: Final[Callable[[str | bytes], ToChild | Credit]] = one_of(get_args(ToChild | Credit))
parse_from_child: Final[Callable[[str | bytes], FromChild | Credit]] = one_of(get_args(FromChild | Credit))
