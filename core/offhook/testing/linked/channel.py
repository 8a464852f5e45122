"""The channel of linked legs, and the members that a test controls. Nothing is encoded, delayed or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_choice, check_instance, check_whole
from offhook.interfaces.far_end import FarMember
from offhook.interfaces.frame import AudioFrame
from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished

if TYPE_CHECKING:
    from offhook.session.events import LegEvent
    from offhook.testing.linked.leg import LinkedLeg


#: Uids that a channel chooses are greater than this.
_FIRST_CHOSEN: Final = 1_000
#: Uids have 32 bits.
MOST_UID: Final = 0xFFFFFFFF


class LinkedMember(FarMember):
    """Another member of the channel; `LinkedTransport.member` and `LinkedFarEnd.member` create it."""

    def __init__(self, channel: LinkedChannel, uid: int) -> None:
        super().__init__(uid)
        self._channel = channel
        self.in_channel: bool = False
        self.publishing: bool = False

    def join(self) -> None:
        """Join the channel."""
        self.in_channel = True
        self._channel.tell(MemberJoined(self.uid))

    def publish(self) -> None:
        """Start publishing audio."""
        self.publishing = True
        self._channel.tell(MemberPublished(self.uid))

    def unpublish(self) -> None:
        """Stop publishing audio."""
        self.publishing = False
        self._channel.tell(MemberUnpublished(self.uid))

    def say(self, frame: AudioFrame) -> None:
        """Send a frame to our leg, which hears it at once.

        Raises:
            ConfigError: it is not an `AudioFrame`.
        """
        check_instance(frame, "frame", AudioFrame, "an AudioFrame")
        if self.publishing or not self._channel.guarded:
            self._channel.speak(self.uid, frame)

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the channel.

        Raises:
            ConfigError: `reason` is not a `LeaveReason`.
        """
        check_choice(reason, "reason", LeaveReason)
        self.in_channel = self.publishing = False
        self._channel.tell(MemberLeft(self.uid, reason))


class LinkedChannel:
    """One channel.

    Args:
        name: its name in grants.
        guarded: whether it belongs to a far end, with tokens and uids. An unguarded channel accepts every grant, keeps
            only the newest leg, and passes on frames of members who do not publish.

    Attributes:
        name, guarded: see above.
        members: those that the test controls, joined or not.
        legs: our legs.
    """

    def __init__(self, name: str, *, guarded: bool) -> None:
        self.name = name
        self.guarded = guarded
        self.members: list[LinkedMember] = []
        self.legs: list[LinkedLeg] = []

    @property
    def uids(self) -> list[int]:
        """The uids of all who have joined."""
        return [*(member.uid for member in self.members if member.in_channel), *(leg.uid for leg in self.legs)]

    def member(self, uid: int) -> LinkedMember:
        """Add a member, who has not joined yet.

        Raises:
            ConfigError: `uid` is not a whole number of 32 bits.
        """
        check_whole(uid, "uid", least=0, most=MOST_UID)
        member = LinkedMember(self, uid)
        self.members.append(member)
        return member

    def free_uid(self) -> int:
        """Return a uid that is free in this channel."""
        return max(_FIRST_CHOSEN, *self.uids, 0) + 1

    def introduction(self) -> list[LegEvent]:
        """Return the events for a new leg about members who are in the channel already."""
        events: list[LegEvent] = []
        for member in self.members:
            if member.in_channel:
                events.append(MemberJoined(member.uid))
            if member.publishing:
                events.append(MemberPublished(member.uid))
        return events

    def enter(self, leg: LinkedLeg) -> None:
        """Add a leg; a leg with the same uid is removed."""
        if not self.guarded:
            self.legs.clear()
        for other in tuple(self.legs):
            if other.uid == leg.uid:
                other.put_out("replaced")
        self.legs.append(leg)

    def remove(self, leg: LinkedLeg) -> None:
        """Remove a leg. Idempotent."""
        if leg in self.legs:
            self.legs.remove(leg)

    def tell(self, event: LegEvent) -> None:
        """Let our legs report an event."""
        for leg in tuple(self.legs):
            leg.happened(event)

    def speak(self, uid: int, frame: AudioFrame) -> None:
        """Let our legs receive a frame."""
        for leg in tuple(self.legs):
            leg.hear(uid, frame)

    def carry(self, frame: AudioFrame) -> None:
        """Pass a frame of a leg to every member."""
        for member in self.members:
            if member.in_channel:
                member.hear(frame)
