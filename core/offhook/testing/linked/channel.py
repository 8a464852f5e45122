"""The channel of linked legs: who is in it, and the members whom a test holds. Nothing is encoded, delayed or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces.far_end import FarMember
from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame
    from offhook.session.events import LegEvent
    from offhook.testing.linked.leg import LinkedLeg


#: Where a channel begins to choose uids.
_FIRST_CHOSEN: Final = 1_000


class LinkedMember(FarMember):
    """Somebody else in the channel; made by `LinkedTransport.member` or `LinkedFarEnd.member`."""

    def __init__(self, channel: LinkedChannel, uid: int) -> None:
        super().__init__(uid)
        self._channel = channel
        self.in_channel: bool = False
        self.publishing: bool = False

    def join(self) -> None:
        """Come into the channel."""
        self.in_channel = True
        self._channel.tell(MemberJoined(self.uid))

    def publish(self) -> None:
        """Begin to publish audio."""
        self.publishing = True
        self._channel.tell(MemberPublished(self.uid))

    def unpublish(self) -> None:
        """Stop publishing audio."""
        self.publishing = False
        self._channel.tell(MemberUnpublished(self.uid))

    def say(self, frame: AudioFrame) -> None:
        """Send a frame to our leg, which hears it at once."""
        if self.publishing or not self._channel.guarded:
            self._channel.speak(self.uid, frame)

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Go."""
        self.in_channel = self.publishing = False
        self._channel.tell(MemberLeft(self.uid, reason))


class LinkedChannel:
    """One channel.

    Args:
        name: as grants call it.
        guarded: whether it is a far end's, with tokens and uids. One that is not takes everybody, has room for one
            leg, the newest, and hears members who do not publish.

    Attributes:
        name, guarded: see above.
        members: those whom the test holds, in the channel or not.
        legs: ours.
    """

    def __init__(self, name: str, *, guarded: bool) -> None:
        self.name = name
        self.guarded = guarded
        self.members: list[LinkedMember] = []
        self.legs: list[LinkedLeg] = []

    @property
    def uids(self) -> list[int]:
        """Who is in."""
        return [*(member.uid for member in self.members if member.in_channel), *(leg.uid for leg in self.legs)]

    def member(self, uid: int) -> LinkedMember:
        """Somebody who may join."""
        member = LinkedMember(self, uid)
        self.members.append(member)
        return member

    def free_uid(self) -> int:
        """A uid that nobody here has."""
        return max(_FIRST_CHOSEN, *self.uids, 0) + 1

    def introduction(self) -> list[LegEvent]:
        """What a leg is told of those who are there already."""
        events: list[LegEvent] = []
        for member in self.members:
            if member.in_channel:
                events.append(MemberJoined(member.uid))
            if member.publishing:
                events.append(MemberPublished(member.uid))
        return events

    def enter(self, leg: LinkedLeg) -> None:
        """A leg comes in; who had its uid is out."""
        if not self.guarded:
            self.legs.clear()
        for other in tuple(self.legs):
            if other.uid == leg.uid:
                other.put_out("replaced")
        self.legs.append(leg)

    def remove(self, leg: LinkedLeg) -> None:
        """A leg is gone. Idempotent."""
        if leg in self.legs:
            self.legs.remove(leg)

    def tell(self, event: LegEvent) -> None:
        """Let our legs report something."""
        for leg in tuple(self.legs):
            leg.happened(event)

    def speak(self, uid: int, frame: AudioFrame) -> None:
        """Let our legs hear something."""
        for leg in tuple(self.legs):
            leg.hear(uid, frame)

    def carry(self, frame: AudioFrame) -> None:
        """Let everybody hear what a leg sends."""
        for member in self.members:
            if member.in_channel:
                member.hear(frame)
