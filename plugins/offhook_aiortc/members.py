"""Who is in the channel, as far as the leg's handler was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable, Iterable

    from offhook.interfaces import LegEvent
    from offhook_aiortc.receiver import Receiver
    from offhook_wire.relay_protocol import MemberInfo

#: A member's last packets may come after the event that it left; its BYE ends the wait.
_DEPARTURE_S: Final = 0.03


class Members:
    """The other members, and what is told of them.

    Args:
        tell: the handler.
        hearing: whose streams are whose.
        loop: where timers come from.
    """

    def __init__(self, tell: Callable[[LegEvent], None], hearing: Receiver, loop: AbstractEventLoop) -> None:
        self._tell = tell
        self._hearing = hearing
        self._loop = loop
        #: Whether each publishes.
        self._present: dict[int, bool] = {}
        self._departing: dict[int, tuple[LeaveReason, TimerHandle]] = {}

    def reconcile(self, there: Iterable[MemberInfo]) -> None:
        """We come in, or back: tell what is different from what was told."""
        now = {member.uid: member for member in there}
        self.flush()
        for uid in tuple(self._present):
            if uid not in now:
                # Who hung up and who vanished while we were away, nobody tells: only the second claims nothing.
                self._gone(uid, LeaveReason.DROPPED)
        for member in now.values():
            if member.uid in self._present:
                self._hearing.claim(member.ssrc, member.uid)
            else:
                self.joined(member.uid, member.ssrc)
            if member.published != self._present[member.uid]:
                (self.published if member.published else self.unpublished)(member.uid)

    def joined(self, uid: int, ssrc: int) -> None:
        """A member is in, and heard under `ssrc`."""
        self.depart(uid)
        self._present[uid] = False
        # The event first: with it comes the audio that waited for it.
        self._tell(MemberJoined(uid))
        self._hearing.claim(ssrc, uid)

    def published(self, uid: int) -> None:
        """A member began to publish."""
        self._present[uid] = True
        self._tell(MemberPublished(uid))

    def unpublished(self, uid: int) -> None:
        """A member stopped publishing."""
        self._present[uid] = False
        self._tell(MemberUnpublished(uid))

    def left(self, uid: int, reason: LeaveReason) -> None:
        """A member is gone; told once its last audio has been played."""
        self._departing[uid] = (reason, self._loop.call_later(_DEPARTURE_S, self.depart, uid))
        if not self._hearing.speaking(uid):
            self.depart(uid)

    def depart(self, uid: int) -> None:
        """Tell that a member left, if it did, now that its last audio has been played."""
        departing = self._departing.pop(uid, None)
        if departing is not None:
            reason, timer = departing
            timer.cancel()
            self._gone(uid, reason)

    def flush(self) -> None:
        """Nothing more comes: tell of everybody who left."""
        for uid in tuple(self._departing):
            self.depart(uid)

    def close(self) -> None:
        """Tell nothing more."""
        for _, timer in self._departing.values():
            timer.cancel()
        self._departing.clear()

    def _gone(self, uid: int, reason: LeaveReason) -> None:
        self._present.pop(uid, None)
        self._hearing.finish(uid)
        self._tell(MemberLeft(uid, reason))
