"""The members of the channel that the leg's handler knows of, across memberships of our own.

The SDK has no list of members: after each join it reports those who are there, one by one. So after a rejoin the leg
waits a moment, and then reports as gone who was not reported again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable

    from offhook.interfaces import LegEvent

#: How long after a rejoin the SDK may take to report who is there, in seconds.
SETTLE_S: Final = 1.0
#: Members that are known at once.
MOST_MEMBERS: Final = 1_024


class Members:
    """The other members, and the events about them. Each change is reported once, whatever the SDK repeats.

    Args:
        tell: called with each event.
        loop: provides the timer.

    Attributes:
        ignored: events about members that are not there, are there already, or are more than `MOST_MEMBERS`.
    """

    def __init__(self, tell: Callable[[LegEvent], None], loop: AbstractEventLoop) -> None:
        self.ignored: int = 0
        self._tell = tell
        self._loop = loop
        #: For each member, by uid: whether it publishes.
        self._present: dict[int, bool] = {}
        #: While a rejoin settles: the members of before it that were not reported again, and whether they published.
        self._unseen: dict[int, bool] = {}
        #: While a rejoin settles: those who published before it and were not reported as publishing again.
        self._unheard: set[int] = set()
        self._timer: TimerHandle | None = None

    def rejoined(self) -> None:
        """Our leg is in the channel anew: what the SDK reports now is compared with what was known."""
        self._stop()
        self._unseen = dict(self._present)
        self._unheard = {uid for uid, published in self._present.items() if published}
        self._timer = self._loop.call_later(SETTLE_S, self._settle)

    def joined(self, uid: int) -> None:
        """A member is there."""
        if uid in self._present:
            if self._unseen.pop(uid, None) is None:
                self.ignored += 1
            return
        if len(self._present) >= MOST_MEMBERS:
            self.ignored += 1
            return
        self._present[uid] = False
        self._tell(MemberJoined(uid))

    def published(self, uid: int) -> None:
        """A member publishes."""
        if uid not in self._present:
            self.joined(uid)  # the SDK reported the audio of a member before the member
        self._unseen.pop(uid, None)
        if self._present.get(uid, True):
            if uid not in self._unheard:
                self.ignored += 1
            self._unheard.discard(uid)
            return
        self._present[uid] = True
        self._tell(MemberPublished(uid))

    def unpublished(self, uid: int) -> None:
        """A member stopped publishing."""
        self._unheard.discard(uid)
        if not self._present.get(uid):
            self.ignored += 1
            return
        self._present[uid] = False
        self._tell(MemberUnpublished(uid))

    def left(self, uid: int, reason: LeaveReason) -> None:
        """A member is gone."""
        self._unseen.pop(uid, None)
        self._unheard.discard(uid)
        if self._present.pop(uid, None) is None:
            self.ignored += 1
            return
        self._tell(MemberLeft(uid, reason))

    def close(self) -> None:
        """Report nothing more. Idempotent."""
        self._stop()

    def _settle(self) -> None:
        self._timer = None
        unseen, self._unseen = self._unseen, {}
        unheard, self._unheard = self._unheard, set()
        for uid in unseen:
            # Whether the member hung up or vanished while we were away is not known; DROPPED claims less.
            self.left(uid, LeaveReason.DROPPED)
        for uid in unheard - unseen.keys():
            self.unpublished(uid)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
