"""The deliveries that wait for one webhook, in lanes: what is about the same call or message keeps its order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from offhook_mockserver.tenants.webhooks.delivery import Delivery


#: Attempts at one webhook that may be under way at once; if the last one has failed, it is one.
MOST_FLYING: Final = 8


class Receiver:
    """What waits for the webhook at `url`.

    Args:
        url: its URL.

    Attributes:
        url: see above.
        flying: how many attempts are under way.
        failing: whether the last attempt has failed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.flying: int = 0
        self.failing: bool = False
        #: The first of a lane is the one that is delivered next; no lane is empty.
        self._lanes: dict[str, deque[Delivery]] = {}
        #: Lanes whose first delivery can be attempted now, in the order in which that became so.
        self._ready: dict[str, None] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._lanes

    def add(self, delivery: Delivery) -> None:
        """Put a delivery behind the others of its lane."""
        lane = self._lanes.setdefault(delivery.lane, deque())
        lane.append(delivery)
        if len(lane) == 1:
            self._ready[delivery.lane] = None

    def again(self, delivery: Delivery) -> None:
        """The first delivery of its lane can be attempted again."""
        self._ready[delivery.lane] = None

    def take(self) -> Delivery | None:
        """The delivery to attempt next, or None if there is none or enough attempts are under way."""
        if not self._ready or self.flying >= (1 if self.failing else MOST_FLYING):
            return None
        lane = next(iter(self._ready))
        del self._ready[lane]
        self.flying += 1
        delivery = self._lanes[lane][0]
        delivery.flying = True
        return delivery

    def remove(self, delivery: Delivery) -> None:
        """A delivery waits no more; the next of its lane can be attempted."""
        lane = self._lanes.get(delivery.lane)
        if lane is None or delivery not in lane:
            return
        first = lane[0] is delivery
        lane.remove(delivery)
        if not lane:
            del self._lanes[delivery.lane]
            self._ready.pop(delivery.lane, None)
        elif first:
            self._ready[delivery.lane] = None

    def clear(self) -> None:
        """Attempt nothing more of what waits."""
        self._ready.clear()
        self._lanes.clear()
