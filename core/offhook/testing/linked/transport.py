"""Linked legs: a transport whose channel is in memory, the double of every real transport.

The test controls the other members of the channel and makes them join, publish, speak and leave. Nothing is encoded,
delayed or lost, and no socket is opened. With a `LinkedFarEnd` it has channels that verify tokens and a network that
can be cut, as the conformance kit for transports requires.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Protocol

from offhook.arguments import check_error, check_methods, check_rate, check_text
from offhook.errors import JoinFailed, JoinTimeout, TransportUnavailable
from offhook.interfaces import Transport
from offhook.testing.linked.channel import LinkedChannel, LinkedMember
from offhook.testing.linked.leg import FarSide, LinkedLeg

if TYPE_CHECKING:
    from offhook.interfaces import Leg, LegHandler
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


class FarChannels(FarSide, Protocol):
    """A far end, as the transport into its channels sees it."""

    @property
    def endpoint(self) -> str | None:
        """The endpoint of its channels."""
        ...

    def channel(self, name: str) -> LinkedChannel:
        """Return the channel of that name, created on first use."""
        ...


class LinkedTransport(Transport):
    """A channel in memory.

    Args:
        rate_hz: rate of the leg.
        refuse_check: what `check` raises, or None.
        refuse_join: what `join` raises, or None.
        refuse_renew: what a leg's `renew` raises, or None; may be changed during a call.
        far_end: the far end whose channels it joins; by default it has one channel of its own, which any grant opens.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.
    """

    #: The class of its legs; tests of the conformance kit use others.
    leg_class: ClassVar[type[LinkedLeg]] = LinkedLeg

    def __init__(
        self,
        rate_hz: int = 16_000,
        *,
        refuse_check: Exception | None = None,
        refuse_join: Exception | None = None,
        refuse_renew: Exception | None = None,
        far_end: FarChannels | None = None,
    ) -> None:
        check_error(refuse_check, "refuse_check")
        check_error(refuse_join, "refuse_join")
        check_error(refuse_renew, "refuse_renew")
        if far_end is not None:
            check_methods(far_end, "far_end", ("channel", "verify", "reachable"), "a LinkedFarEnd or None")
        self.rate_hz: int = check_rate(rate_hz)
        self._refuse_check = refuse_check
        self._refuse_join = refuse_join
        self.refuse_renew = refuse_renew
        self.far_end = far_end
        #: Clear it to make `join` hang.
        self.join_gate: asyncio.Event = _open_gate()
        #: Clear it to make `leave` hang.
        self.leave_gate: asyncio.Event = _open_gate()
        #: Clear it to make a leg's `renew` hang.
        self.renew_gate: asyncio.Event = _open_gate()
        #: The fresh grants that legs accepted.
        self.renewed: list[Grant] = []
        self.joins: int = 0
        self.closed: bool = False
        self._channel = LinkedChannel("linked", guarded=False)
        self._legs: list[LinkedLeg] = []

    @property
    def far_side(self) -> FarSide | None:
        """The far end whose channels it joins, for its legs."""
        return self.far_end

    @property
    def members(self) -> list[LinkedMember]:
        """The members of its own channel, joined or not."""
        return self._channel.members

    @property
    def leg(self) -> LinkedLeg | None:
        """The leg in the transport's own channel, if any."""
        return self._channel.legs[-1] if self._channel.legs else None

    def member(self, uid: int = 2) -> LinkedMember:
        """Add a member, who has not joined yet, to the transport's own channel."""
        return self._channel.member(uid)

    def tell(self, event: LegEvent) -> None:
        """Let our leg report an event."""
        self._channel.tell(event)

    def speak(self, uid: int, frame: AudioFrame) -> None:
        """Let our leg receive a frame."""
        self._channel.speak(uid, frame)

    def kick(self, reason: str) -> None:
        """Remove our leg from the channel.

        Raises:
            ConfigError: `reason` is not text.
        """
        check_text(reason, "reason")
        if self.leg is not None:
            self.leg.put_out(reason)

    async def check(self, endpoint: str | None) -> None:
        if self.closed:
            raise TransportUnavailable("this transport was closed")
        if self._refuse_check is not None:
            raise self._refuse_check
        if self.far_end is not None and endpoint != self.far_end.endpoint:
            raise TransportUnavailable(f"linked legs join in memory, not at {endpoint!r}")

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        self.joins += 1
        await self.join_gate.wait()
        if self.closed:
            raise JoinFailed("this transport was closed")
        if self._refuse_join is not None:
            raise self._refuse_join
        if self.far_end is None:
            return self.enter(self._channel, grant.uid, handler)
        await self.far_end.reachable(JoinTimeout("could not join the channel: no network"))
        life_s = self.far_end.verify(grant, grant.uid)
        leg = self.enter(self.far_end.channel(grant.channel), grant.uid, handler)
        leg.watch_token(life_s)
        return leg

    def enter(self, channel: LinkedChannel, uid: int, handler: LegHandler) -> LinkedLeg:
        """Put a new leg into a channel."""
        leg = self.leg_class(self, channel, uid or channel.free_uid(), handler)
        channel.enter(leg)
        self._legs.append(leg)
        return leg

    async def aclose(self) -> None:
        self.closed = True
        for leg in tuple(self._legs):
            leg.depart()

    def forget(self, leg: LinkedLeg) -> None:
        """Forget a leg that has ended. Idempotent."""
        if leg in self._legs:
            self._legs.remove(leg)


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate
