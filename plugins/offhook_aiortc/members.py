"""The members of the channel that the leg's handler knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook_wire.relay_protocol import MAX_MEMBERS

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable, Iterable

    from offhook.interfaces import LegEvent
    from offhook_aiortc.receiver import Receiver
    from offhook_wire.relay_protocol import MemberInfo

#: The time to wait for a member's last packets, which may arrive after the event that it left. Its BYE ends the wait.
_DEPARTURE_S: Final = 0.03
#: Members that are known at once: more than a relay's answer can list, and few enough for any relay to be harmless.
MOST_MEMBERS: Final = 2 * MAX_MEMBERS


class Members:
    """The other members, and the events about them. Events about members that are not there are ignored and counted.

    Args:
        tell: called with each event.
        receiver: assigns streams to members.
        loop: provides the timers.

    Attributes:
        ignored: events about members that are not there, or are more than `MOST_MEMBERS`.
    """

    def __init__(self, tell: Callable[[LegEvent], None], receiver: Receiver, loop: AbstractEventLoop) -> None:
        self.ignored: int = 0
        self._tell = tell
        self._receiver = receiver
        self._loop = loop
        #: For each member, by uid: whether it publishes.
        self._present: dict[int, bool] = {}
        self._departing: dict[int, tuple[LeaveReason, TimerHandle]] = {}

    def reconcile(self, there: Iterable[MemberInfo]) -> None:
        """Report the changes when the leg has joined or rejoined; `there` lists the current members."""
        now = {member.uid: member for member in there}
        self.flush()
        for uid in tuple(self._present):
            if uid not in now:
                # We do not know whether the member hung up or vanished in the meantime; DROPPED claims less.
                self._gone(uid, LeaveReason.DROPPED)
        for member in now.values():
            if member.uid in self._present:
                self._receiver.claim(member.ssrc, member.uid)
            else:
                self.joined(member.uid, member.ssrc)
            if member.published != self._present[member.uid]:
                (self.published if member.published else self.unpublished)(member.uid)

    def joined(self, uid: int, ssrc: int) -> None:
        """A member joined, and sends under `ssrc`."""
        self.depart(uid)
        if uid not in self._present and len(self._present) >= MOST_MEMBERS:
            self.ignored += 1
            return
        self._present[uid] = False
        # The event must come first, because claiming the stream delivers the audio that waited for the claim.
        self._tell(MemberJoined(uid))
        self._receiver.claim(ssrc, uid)

    def published(self, uid: int) -> None:
        """A member began to publish."""
        if uid not in self._present:
            self.ignored += 1
            return
        self._present[uid] = True
        self._tell(MemberPublished(uid))

    def unpublished(self, uid: int) -> None:
        """A member stopped publishing."""
        if uid not in self._present:
            self.ignored += 1
            return
        self._present[uid] = False
        self._tell(MemberUnpublished(uid))

    def left(self, uid: int, reason: LeaveReason) -> None:
        """A member left; this is reported once its last audio was delivered."""
        if uid not in self._present or uid in self._departing:
            self.ignored += 1
            return
        self._departing[uid] = (reason, self._loop.call_later(_DEPARTURE_S, self.depart, uid))
        if not self._receiver.speaking(uid):
            self.depart(uid)

    def depart(self, uid: int) -> None:
        """Report that a member left, if it did, now that its last audio was delivered."""
        departing = self._departing.pop(uid, None)
        if departing is not None:
            reason, timer = departing
            timer.cancel()
            self._gone(uid, reason)

    def flush(self) -> None:
        """Report all members that left, since no more packets will arrive."""
        for uid in tuple(self._departing):
            self.depart(uid)

    def close(self) -> None:
        """Report nothing more."""
        for _, timer in self._departing.values():
            timer.cancel()
        self._departing.clear()

    def _gone(self, uid: int, reason: LeaveReason) -> None:
        self._present.pop(uid, None)
        self._receiver.finish(uid)
        self._tell(MemberLeft(uid, reason))
