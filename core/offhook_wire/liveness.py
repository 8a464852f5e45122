"""Whether the other side is still there: a timer that expires when a count of what arrives does not change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: The number of looks within the time limit. Time is counted in looks: after the event loop was blocked, its timers run
#: before its sockets, and the blocked time counts as one look, so that it does not expire the timer.
_LOOKS: Final = 10


class LivenessTimer:
    """Looks at a count at intervals, between `start` and `stop`.

    Args:
        count: returns how much has arrived so far.
        limit_s: the timer expires when the count has not changed for this time, or at most a tenth of it later.
        on_change: called with True when the timer expires, and with False when the count changes again. May call
            `stop`.

    Attributes:
        expired: whether the timer has expired.
    """

    def __init__(self, count: Callable[[], int], limit_s: float, on_change: Callable[[bool], None]) -> None:
        self.expired: bool = False
        self._count = count
        self._look_s = limit_s / _LOOKS
        self._on_change = on_change
        self._seen = 0
        self._still = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start watching."""
        self._seen, self._still, self.expired = self._count(), 0, False
        self._again()

    def stop(self) -> None:
        """Stop watching. Idempotent; `on_change` is not called afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_s, self._look)

    def _look(self) -> None:
        self._again()
        count = self._count()
        if count != self._seen:
            self._seen, self._still = count, 0
            if self.expired:
                self.expired = False
                self._on_change(False)
            return
        self._still += 1
        # The count last changed, or was first read, one interval before the first of these looks.
        if self._still == _LOOKS and not self.expired:
            self.expired = True
            self._on_change(True)
