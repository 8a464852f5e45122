"""Linked legs: a transport whose channel is in memory, the double of every real one.

The test holds the other members of the channel, and makes them join, publish, speak and go. Nothing is
encoded, delayed or lost, and no socket is opened.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.errors import TransportUnavailable
from offhook.events import LeaveReason, LegClosed, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook.interfaces import Leg, Transport
from offhook.testing.far_end import FarMember

if TYPE_CHECKING:
    from offhook.audio import AudioFrame
    from offhook.events import LegEvent
    from offhook.grant import Grant
    from offhook.interfaces import LegHandler


class LinkedMember(FarMember):
    """Somebody else in the channel; made by `LinkedTransport.member`."""

    def __init__(self, transport: LinkedTransport, uid: int) -> None:
        self._transport = transport
        self.uid = uid
        self.in_channel: bool = False
        self.publishing: bool = False
        self.heard: list[AudioFrame] = []

    def join(self) -> None:
        """Come into the channel."""
        self.in_channel = True
        self._transport.tell(MemberJoined(self.uid))

    def publish(self) -> None:
        """Begin to publish audio."""
        self.publishing = True
        self._transport.tell(MemberPublished(self.uid))

    def unpublish(self) -> None:
        """Stop publishing audio."""
        self.publishing = False
        self._transport.tell(MemberUnpublished(self.uid))

    def say(self, frame: AudioFrame) -> None:
        """Send a frame to our leg, which hears it at once."""
        self._transport.speak(self.uid, frame)

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Go."""
        self.in_channel = self.publishing = False
        self._transport.tell(MemberLeft(self.uid, reason))


class LinkedLeg(Leg):
    """Our end."""

    def __init__(self, transport: LinkedTransport, handler: LegHandler) -> None:
        self._transport = transport
        self.handler = handler
        self.rate_hz: int = transport.rate_hz
        self._sent = 0

    def send(self, frame: AudioFrame) -> None:
        self._sent += 1
        for member in self._transport.members:
            if member.in_channel:
                member.heard.append(frame)

    def counters(self) -> dict[str, int]:
        return {"frames_sent": self._sent}

    async def renew(self, grant: Grant) -> None:
        await self._transport.renew_gate.wait()
        if self._transport.refuse_renew is not None:
            raise self._transport.refuse_renew
        self._transport.renewed.append(grant)

    async def leave(self) -> None:
        await self._transport.leave_gate.wait()
        if self._transport.leg is self:
            self._transport.leg = None


class LinkedTransport(Transport):
    """A channel in memory.

    Args:
        rate_hz: rate of the leg.
        refuse_check: what `check` raises, or None.
        refuse_join: what `join` raises, or None.
        refuse_renew: what a leg's `renew` raises, or None; may be changed in mid-call.
    """

    def __init__(
        self,
        rate_hz: int = 16_000,
        *,
        refuse_check: Exception | None = None,
        refuse_join: Exception | None = None,
        refuse_renew: Exception | None = None,
    ) -> None:
        self.rate_hz = rate_hz
        self._refuse_check = refuse_check
        self._refuse_join = refuse_join
        self.refuse_renew = refuse_renew
        #: Clear it to make `join` hang.
        self.join_gate: asyncio.Event = _open_gate()
        #: Clear it to make `leave` hang.
        self.leave_gate: asyncio.Event = _open_gate()
        #: Clear it to make a leg's `renew` hang.
        self.renew_gate: asyncio.Event = _open_gate()
        #: The fresh grants that legs took.
        self.renewed: list[Grant] = []
        self.members: list[LinkedMember] = []
        self.leg: LinkedLeg | None = None
        self.joins: int = 0
        self.closed: bool = False

    def member(self, uid: int = 2) -> LinkedMember:
        """Somebody who may join the channel."""
        member = LinkedMember(self, uid)
        self.members.append(member)
        return member

    def tell(self, event: LegEvent) -> None:
        """Let our leg report something."""
        if self.leg is not None:
            self.leg.handler.on_event(event)

    def speak(self, uid: int, frame: AudioFrame) -> None:
        """Let our leg hear something."""
        if self.leg is not None:
            self.leg.handler.on_audio(uid, frame)

    def kick(self, reason: str) -> None:
        """Put our leg out of the channel."""
        self.tell(LegClosed(reason))

    async def check(self, endpoint: str | None) -> None:
        if self.closed:
            raise TransportUnavailable("this transport was closed")
        if self._refuse_check is not None:
            raise self._refuse_check

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        self.joins += 1
        await self.join_gate.wait()
        if self._refuse_join is not None:
            raise self._refuse_join
        self.leg = LinkedLeg(self, handler)
        for member in self.members:
            if member.in_channel:
                asyncio.get_running_loop().call_soon(handler.on_event, MemberJoined(member.uid))
            if member.publishing:
                asyncio.get_running_loop().call_soon(handler.on_event, MemberPublished(member.uid))
        return self.leg

    async def aclose(self) -> None:
        self.closed = True


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate
