"""What a member of a room is told, what it calls, and what stays of it when it has gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from offhook.interfaces import LegClosed, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import AudioFrame, LeaveReason
    from offhook_wire.rtp import RtpPacket
    from offhook_wire.rtp_out import OutStream


#: What a member is told. `LegClosed` is about itself: it was put out of the room, and is told nothing more.
RoomEvent: TypeAlias = MemberJoined | MemberPublished | MemberUnpublished | MemberLeft | LegClosed


class PcmHandler(Protocol):
    """What a `PcmMember` calls, on the event loop, until it has left."""

    def on_event(self, event: RoomEvent) -> None:
        """Something happened in the room. Members who were there already are told first, as `MemberJoined`."""
        ...

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Audio of the member `uid`, at the room's rate; `frame.position` counts from the talker's first sample."""
        ...


class EventHandler(Protocol):
    """What an `RtpMember` calls with events; its audio goes out as packets."""

    def on_event(self, event: RoomEvent) -> None:
        """Something happened in the room."""
        ...


class PacketSender(Protocol):
    """Where an `RtpMember` puts packets in the clear."""

    def send_rtp(self, data: bytes) -> None: ...

    def send_rtcp(self, data: bytes) -> None: ...


class RoomMember(Protocol):
    """A member, as its room and the other members see it."""

    uid: int
    published: bool

    def tell(self, event: RoomEvent) -> None:
        """Pass an event to the member's handler."""
        ...

    def put_out(self, reason: str | None) -> None:
        """The room has let go of this member; with a reason, it did so by itself."""
        ...


class PcmListener(Protocol):
    """A member that hears PCM."""

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Pass on audio of another member."""
        ...


class RtpListener(Protocol):
    """A member that hears Opus in RTP."""

    def forward(self, uid: int, source: object, packet: RtpPacket) -> None:
        """Send a packet of the member `uid` on to this one. `source` changes when its numbering does."""
        ...


@dataclass(slots=True)
class RoomCounters:
    """What did not get through in a room since it was opened, with members that have left.

    Attributes:
        malformed: packets and messages of members that could not be parsed.
        unheard: frames and packets that members sent before they joined or published, or after they left.
        audio_dropped: audio messages dropped, oldest first, because a client of the PCM door read too slowly.
    """

    malformed: int = 0
    unheard: int = 0
    audio_dropped: int = 0


class RoomView(Protocol):
    """A room, as its members see it."""

    rate_hz: int
    lost_after_s: float
    counters: RoomCounters

    @property
    def pcm_members(self) -> Sequence[PcmListener]:
        """Who hears PCM."""
        ...

    @property
    def rtp_members(self) -> Sequence[RtpListener]:
        """Who hears Opus."""
        ...

    def tell(self, event: RoomEvent, *, but: int = 0) -> None:
        """Tell all members of an event, except the member `but`."""
        ...

    def pass_on(self, talker: RoomMember, packet: RtpPacket) -> None:
        """A packet of an RTP member goes to the others."""
        ...

    def remove(self, member: RoomMember, reason: LeaveReason) -> None:
        """Let go of a member and tell the others why. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who was last in a room as some uid.

    Attributes:
        identity: what only it comes back with: the SSRC of an RTP member, the rejoin token of a client of the PCM door.
        streams: under which SSRCs and numbers it heard the others; nothing where audio is PCM.
    """

    identity: int | str
    streams: dict[int, OutStream] = field(default_factory=dict[int, "OutStream"])
