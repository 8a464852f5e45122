"""The far end of a transport into rooms, for conformance kits: channels are rooms, other members are PCM members.

The far end of each transport adds how it joins the rooms, and how its network is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import Environment, Grant, Ids, LeaveReason
from offhook.secret import Secret
from offhook.testing import ChannelFarEnd, FarMember, TokenFault
from offhook_mockserver.rooms.rooms import Rooms
from offhook_wire.access_token import mint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import AudioFrame, Clock
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.rooms.room import Room


#: How long ago an expired token was issued, and how long it was valid.
_LONG_AGO_S: Final = 120
_SHORT_S: Final = 60


class RoomsFarMember(FarMember):
    """Another member of a room; created by `RoomsFarEnd.member`."""

    def __init__(self, room: Room, uid: int) -> None:
        super().__init__(uid)
        self._room = room
        self._member: PcmMember | None = None

    def join(self) -> None:
        self._member = self._room.join_pcm(self.uid, self)

    def publish(self) -> None:
        self._in_room.publish()

    def unpublish(self) -> None:
        self._in_room.unpublish()

    def say(self, frame: AudioFrame) -> None:
        self._in_room.send(frame)

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        self._in_room.leave(reason)

    def on_event(self, event: RoomEvent) -> None:
        """Ignored: tests do not look at the events of other members."""

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Keep what legs send; kits let one leg speak at a time."""
        self.hear(frame)

    @property
    def _in_room(self) -> PcmMember:
        assert self._member is not None, f"member {self.uid} has not joined"
        return self._member


class RoomsFarEnd(ChannelFarEnd):
    """The common part of the far ends of all transports into rooms.

    Args:
        clock: the time, also of tokens.
        seed: seeds all randomness.

    Attributes:
        clock: see above.
        ids: all randomness.
        rooms: the channels.
    """

    def __init__(self, clock: Clock, *, seed: str = "far end") -> None:
        self.clock = clock
        self.ids: Ids = Ids(seed)
        self.rooms: Rooms = Rooms(self.clock, self.ids)
        self._environment = Environment({}, clock=self.clock, ids=self.ids)
        self._app_id = self.ids.hex(32)
        self._certificate = Secret(self.ids.hex(32))

    @property
    def environment(self) -> Environment:
        return self._environment

    def grant(self, channel: str, *, uid: int = 0, life_s: float = 600.0, fault: TokenFault | None = None) -> Grant:
        self.room(channel)
        now_s = int(self.clock.wall_s())
        issued_s, expire_s = now_s, max(1, round(life_s))
        if fault is TokenFault.EXPIRED:
            issued_s, expire_s = now_s - _LONG_AGO_S, _SHORT_S
        token = mint(
            self._app_id,
            Secret(self.ids.hex(32)) if fault is TokenFault.FORGED else self._certificate,
            f"{channel}_other" if fault is TokenFault.OTHER_CHANNEL else channel,
            uid,
            issued_s=issued_s,
            salt=1 + self.ids.below(99_999_999),
            expire_s=expire_s,
        )
        return Grant(self._app_id, channel, Secret(token), uid, self.endpoint, issued_s + expire_s)

    def uids(self, channel: str) -> Sequence[int]:
        return [member.uid for member in self.room(channel).members]

    def member(self, channel: str, uid: int) -> RoomsFarMember:
        return RoomsFarMember(self.room(channel), uid)

    def put_out(self, channel: str, uid: int, reason: str) -> None:
        room = self.room(channel)
        for member in room.members:
            if member.uid == uid:
                room.kick(member, reason)

    def room(self, channel: str) -> Room:
        """The room of a channel; it is opened if it does not exist."""
        return self.rooms.get(channel) or self.rooms.create(channel, self._app_id, self._certificate)
