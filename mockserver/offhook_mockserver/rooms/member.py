"""The events that a member of a room receives, the handlers that it calls, and what is kept after it has left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from offhook.interfaces import LegClosed, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook_wire.media_counts import MediaCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import AudioFrame, LeaveReason
    from offhook_wire.rtp import RtpPacket
    from offhook_wire.rtp_out import OutStream


#: What a member receives. `LegClosed` means that the room removed this member, which receives no further events.
RoomEvent: TypeAlias = MemberJoined | MemberPublished | MemberUnpublished | MemberLeft | LegClosed


class PcmHandler(Protocol):
    """What a `PcmMember` calls on the event loop, until it has left."""

    def on_event(self, event: RoomEvent) -> None:
        """Called with each event of the room; first with `MemberJoined` for each member that was there already."""
        ...

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Called with audio of the member `uid`, at the room's rate; `frame.position` counts from its first sample."""
        ...


class EventHandler(Protocol):
    """What an `RtpMember` calls with events; audio goes out as packets."""

    def on_event(self, event: RoomEvent) -> None:
        """Called with each event of the room."""
        ...


class PacketSender(Protocol):
    """Where an `RtpMember` sends unencrypted packets."""

    def send_rtp(self, data: bytes) -> None: ...

    def send_rtcp(self, data: bytes) -> None: ...


class RoomMember(Protocol):
    """A member, as its room and the other members see it."""

    uid: int
    published: bool

    def notify(self, event: RoomEvent) -> None:
        """Pass an event to the member's handler."""
        ...

    def put_out(self, reason: str | None) -> None:
        """The room has removed this member; `reason` is None if the member left by itself."""
        ...


class PcmListener(Protocol):
    """A member that hears PCM."""

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Pass on audio of another member."""
        ...


class RtpListener(Protocol):
    """A member that hears Opus in RTP."""

    def forward(self, uid: int, source: object, packet: RtpPacket) -> None:
        """Forward a packet of the member `uid` to this one. A new `source` means that its numbering starts anew."""
        ...


@dataclass(slots=True)
class RoomCounters(MediaCounts):
    """What did not get through in a room since it was opened, for all its members, including those that have left.

    The counters of `MediaCounts` are those of all WebRTC clients together.

    Attributes:
        malformed: packets and messages of members that could not be parsed.
        unheard: frames and packets that members sent before they joined or published, or after they left.
        misnumbered: packets that were not forwarded, because their numbers were far from those before and after them.
        audio_dropped: audio messages dropped, oldest first, because a client of the PCM door read too slowly.
    """

    malformed: int = 0
    unheard: int = 0
    misnumbered: int = 0
    audio_dropped: int = 0


class RoomView(Protocol):
    """A room, as its members see it."""

    rate_hz: int
    lost_after_s: float
    counters: RoomCounters

    @property
    def pcm_members(self) -> Sequence[PcmListener]:
        """The members that hear PCM."""
        ...

    @property
    def rtp_members(self) -> Sequence[RtpListener]:
        """The members that hear Opus."""
        ...

    def notify(self, event: RoomEvent, *, but: int = 0) -> None:
        """Pass an event to all members except the member `but`."""
        ...

    def pass_on(self, talker: RoomMember, packet: RtpPacket) -> None:
        """Forward a packet of an RTP member to the others."""
        ...

    def remove(self, member: RoomMember, reason: LeaveReason) -> None:
        """Remove a member and notify the others of the reason. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a room keeps of the member that last had a uid.

    Attributes:
        identity: the member proves with this who it is when it comes back: an RTP member's SSRC, or the rejoin token of
            a client of the PCM door.
        streams: the SSRCs and sequence numbers under which it heard the others; empty where audio is PCM.
    """

    identity: int | str
    streams: dict[int, OutStream] = field(default_factory=dict[int, "OutStream"])
