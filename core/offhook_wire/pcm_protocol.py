"""The messages of the PCM door, version 1: one WebSocket, JSON texts for events and binary messages for audio.

The whole protocol, for clients in any language, is `docs/reference/pcm-door.md`. Most texts are the same as on the
relay's event stream, so they are the same classes here; what differs is how one joins, and that audio is in the open.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from offhook.interfaces import OPUS_RATES_HZ, PTIME_MS, SAMPLE_BYTES, samples_per_frame
from offhook.secret import Secret
from offhook_wire import relay_protocol
from offhook_wire.relay_protocol import (
    Json,
    Kicked,
    Leave,
    Left,
    Published,
    Refusal,
    Renew,
    RenewalRefused,
    Renewed,
    TokenExpiring,
    Unpublished,
)
from offhook_wire.strict_json import WHOLE, Fields, ProtocolError

PCM_PROTOCOL: Final = 1
PCM_PATH: Final = "/relay/pcm"
#: Larger texts are refused, in bytes.
MAX_TEXT_BYTES: Final = 8_192

_HEADER: Final = struct.Struct("<IQ")
#: One frame at the highest rate there is.
_MAX_PCM_BYTES: Final = samples_per_frame(max(OPUS_RATES_HZ)) * SAMPLE_BYTES
_UINT32: Final = 2**32 - 1
_MAX_TOKEN: Final = 4096
_MAX_MEMBERS: Final = 512


@dataclass(frozen=True, slots=True)
class Join:
    """The first message of a client. `rejoin` is the place that its last `Welcome` named, when it comes back."""

    app_id: str
    channel: str
    token: Secret
    uid: int = 0
    rejoin: str = field(default="", repr=False)

    def to_json(self) -> Json:
        """For the wire: the token is in the clear here."""
        message: Json = {
            "type": "join",
            "app_id": self.app_id,
            "channel": self.channel,
            "token": self.token.reveal(),
            "uid": self.uid,
        }
        return {**message, "rejoin": self.rejoin} if self.rejoin else message

    @classmethod
    def parse(cls, text: str | bytes) -> Join:
        """Raises `ProtocolError`."""
        fields = Fields.of_text(text)
        if fields.text("type") != "join":
            raise ProtocolError("type", "must be join: that is the first message")
        join = cls(
            app_id=fields.text("app_id"),
            channel=fields.text("channel"),
            token=Secret(fields.text("token", longest=_MAX_TOKEN)),
            uid=fields.integer("uid", 0, _UINT32),
            rejoin=fields.optional_text("rejoin"),
        )
        fields.end()
        if join.rejoin and not join.uid:
            raise ProtocolError("uid", "must be the one that the welcome gave, when a client comes back")
        return join


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who is in the room already."""

    uid: int
    published: bool


@dataclass(frozen=True, slots=True)
class Welcome:
    """The client is in, as `uid`; `place` is what it comes back with."""

    uid: int
    rate_hz: int
    place: str = field(repr=False)
    members: tuple[Present, ...]

    def to_json(self) -> Json:
        return {
            "type": "welcome",
            "uid": self.uid,
            "rate_hz": self.rate_hz,
            "place": self.place,
            "members": [{"uid": member.uid, "published": member.published} for member in self.members],
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """The client is not in, and the WebSocket closes. Codes and reasons are those of the relay's `Refusal`."""

    refusal: Refusal

    def to_json(self) -> Json:
        refusal = self.refusal
        return {"type": "refused", "code": refusal.code, "reason": refusal.reason, "message": refusal.message}


@dataclass(frozen=True, slots=True)
class Joined:
    """A member came in."""

    uid: int

    def to_json(self) -> Json:
        return {"type": "joined", "uid": self.uid}


@dataclass(frozen=True, slots=True)
class Unpublish:
    """The client stops talking; the next audio publishes again."""

    def to_json(self) -> Json:
        return {"type": "unpublish"}


PcmEvent: TypeAlias = (
    Welcome | Refused | Joined | Published | Unpublished | Left | Kicked | TokenExpiring | Renewed | RenewalRefused
)
PcmClientMessage: TypeAlias = Leave | Renew | Unpublish


def encode(message: Join | PcmEvent | PcmClientMessage) -> str:
    """The text of a message."""
    return json.dumps(message.to_json(), separators=(",", ":"))


def parse_event(text: str | bytes) -> PcmEvent:
    """Take a text of the door apart.

    Raises:
        ProtocolError: it is none.
    """
    fields = Fields.of_text(text)
    kind = fields.text("type")
    event: PcmEvent
    if kind == "welcome":
        members: list[Present] = []
        for item in fields.objects("members", most=_MAX_MEMBERS):
            members.append(Present(item.integer("uid", 1, _UINT32), item.boolean("published")))
            item.end()
        rate_hz = fields.integer("rate_hz", min(OPUS_RATES_HZ), max(OPUS_RATES_HZ))
        event = Welcome(fields.integer("uid", 1, _UINT32), rate_hz, fields.text("place"), tuple(members))
    elif kind == "refused":
        code, reason = fields.text("code"), fields.optional_integer("reason", 0, 999)
        event = Refused(Refusal(code, fields.text("message", longest=1024), reason))
    elif kind == "joined":
        event = Joined(fields.integer("uid", 1, _UINT32))
    else:
        shared = relay_protocol.parse_event(text)
        assert not isinstance(shared, relay_protocol.Joined)
        return shared
    fields.end()
    return event


def parse_client_message(text: str | bytes) -> PcmClientMessage:
    """Take a text of a client that has joined apart.

    Raises:
        ProtocolError: it is none.
    """
    fields = Fields.of_text(text)
    kind = fields.text("type")
    if kind == "unpublish":
        fields.end()
        return Unpublish()
    if kind not in {"leave", "renew"}:
        raise ProtocolError("type", "must be leave, renew or unpublish")
    return relay_protocol.parse_client_message(text)


@dataclass(frozen=True, slots=True)
class Audio:
    """A binary message: up to 20 ms of s16le mono PCM, and where in the talker's stream its first sample is.

    Attributes:
        uid: who talks; 0 from a client, which talks for itself alone.
        position: in samples.
        pcm: the samples.
    """

    uid: int
    position: int
    pcm: bytes

    def to_bytes(self) -> bytes:
        return _HEADER.pack(self.uid, self.position) + self.pcm

    @classmethod
    def parse(cls, data: bytes) -> Audio:
        """Raises `ProtocolError`."""
        pcm = data[_HEADER.size :]
        if not 0 < len(pcm) <= _MAX_PCM_BYTES or len(pcm) % SAMPLE_BYTES:
            problem = f"of {len(data)} bytes is not {_HEADER.size} bytes and up to {PTIME_MS} ms of 16-bit samples"
            raise ProtocolError(WHOLE, problem)
        uid, position = _HEADER.unpack_from(data)
        return cls(uid, position, pcm)
