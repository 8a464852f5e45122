"""The messages of the PCM door, version 1: one WebSocket, JSON texts for events and binary messages for audio.

The whole protocol, for clients in any language, is `docs/reference/pcm-door.md`. Most texts are the same as on the
relay's event stream, so they are the same classes here; joining differs, and audio is not encrypted.
"""

# Annotations are read at run time: no `from __future__ import annotations` here.
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Self, TypeAlias, get_args

from offhook.interfaces import OPUS_RATES_HZ, PTIME_MS, SAMPLE_BYTES, samples_per_frame
from offhook_wire import relay_protocol as relay
from offhook_wire.message import Items, Mark, Message, Range, Text, one_of
from offhook_wire.strict_json import WHOLE, ProtocolError

PCM_PROTOCOL: Final = 1
PCM_PATH: Final = "/relay/pcm"
#: The largest text that is accepted, in bytes.
MAX_TEXT_BYTES: Final = 8_192

_HEADER: Final = struct.Struct("<IQ")
#: One frame at the highest rate of Opus.
_MAX_PCM_BYTES: Final = samples_per_frame(max(OPUS_RATES_HZ)) * SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class Join(Message):
    """The first message of a client. A client that comes back sends the `place` of its last `Welcome` as `rejoin`."""

    TYPE: ClassVar[str | None] = "join"
    app_id: relay.ShortText
    channel: relay.ShortText
    token: relay.Token
    uid: relay.WantedUid = 0
    rejoin: Annotated[str, Text(256), Mark.OMITTED] = field(default="", repr=False)

    def check(self) -> None:
        if self.rejoin and not self.uid:
            raise ProtocolError("uid", "must be the uid of the last welcome when rejoin is set")


@dataclass(frozen=True, slots=True)
class Present(Message):
    """A member that is in the room already."""

    uid: relay.Uid
    published: bool


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """The client is in, as `uid`; `place` lets it come back."""

    TYPE: ClassVar[str | None] = "welcome"
    uid: relay.Uid
    rate_hz: Annotated[int, Range(min(OPUS_RATES_HZ), max(OPUS_RATES_HZ))]
    place: relay.ShortText = field(repr=False)
    members: Annotated[tuple[Present, ...], Items(0, relay.MAX_MEMBERS)]


@dataclass(frozen=True, slots=True)
class Joined(Message):
    """A member came in."""

    TYPE: ClassVar[str | None] = "joined"
    uid: relay.Uid


@dataclass(frozen=True, slots=True)
class Unpublish(Message):
    """The client stops publishing; its next audio publishes again."""

    TYPE: ClassVar[str | None] = "unpublish"


@dataclass(frozen=True, slots=True)
class Misuse(Message):
    """The client's library noticed that the program uses it in a way that Agora's own library punishes.

    Attributes:
        name: which way; the mock prints each name once for each call.
        detail: what was done, for people.
    """

    TYPE: ClassVar[str | None] = "misuse"
    name: Annotated[str, Text(100)]
    detail: relay.ShortText


#: After a `Refusal` the WebSocket closes.
PcmEvent: TypeAlias = (
    Welcome
    | relay.Refusal
    | Joined
    | relay.Published
    | relay.Unpublished
    | relay.Left
    | relay.Kicked
    | relay.TokenExpiring
    | relay.Renewed
    | relay.RenewalRefused
)
PcmClientMessage: TypeAlias = relay.Leave | relay.Renew | Unpublish | Misuse

#: These raise `ProtocolError` for a text that is not such a message.
parse_event: Final[Callable[[str | bytes], PcmEvent]] = one_of(get_args(PcmEvent))
parse_client_message: Final[Callable[[str | bytes], PcmClientMessage]] = one_of(get_args(PcmClientMessage))


def encode(message: Join | PcmEvent | PcmClientMessage) -> str:
    """Return the text of a message."""
    return message.to_text()


@dataclass(frozen=True, slots=True)
class Audio:
    """A binary message: up to 20 ms of s16le mono PCM, and the position of its first sample in the talker's stream.

    Attributes:
        uid: the talker; 0 from a client, which talks only for itself.
        position: in samples.
        pcm: the samples.
    """

    uid: int
    position: int
    pcm: bytes

    def to_bytes(self) -> bytes:
        return _HEADER.pack(self.uid, self.position) + self.pcm

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises `ProtocolError`."""
        pcm = data[_HEADER.size :]
        if not 0 < len(pcm) <= _MAX_PCM_BYTES or len(pcm) % SAMPLE_BYTES:
            problem = f"of {len(data)} bytes is not {_HEADER.size} bytes and up to {PTIME_MS} ms of 16-bit samples"
            raise ProtocolError(WHOLE, problem)
        uid, position = _HEADER.unpack_from(data)
        return cls(uid, position, pcm)
