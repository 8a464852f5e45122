"""Whether the other side is still there: a timer that expires when a count of what arrives does not change."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

from offhook.media import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

#: The number of looks within the time limit. Time is counted in looks: after the event loop was blocked, its timers run
#: before its sockets, and the blocked time counts as one look, so that it does not expire the timer.
_LOOKS: Final = 10
#: The longest time between two looks, in milliseconds; a time limit of more than ten times as much has more looks.
_LONGEST_MS: Final = 1_000


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
        #: From one look to the next, in whole milliseconds: a pacer shares the wake-ups of its loop with others.
        self._look_ms = max(1, min(_LONGEST_MS, round(limit_s * 1000 / _LOOKS)))
        self._looks = math.ceil(limit_s * 1000 / self._look_ms)
        self._on_change = on_change
        self._seen = 0
        self._still = 0
        self._pacer: Pacer | None = None

    def start(self) -> None:
        """Start watching."""
        self.stop()
        self._seen, self._still, self.expired = self._count(), 0, False
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._pacer = Pacer(loop, self._look, ptime_ms=self._look_ms, max_lag_ms=0)
        self._pacer.start()
        if self._pacer.started_at < now_s:  # the first interval is shorter, and does not count
            self._still = -1

    def stop(self) -> None:
        """Stop watching. Idempotent; `on_change` is not called afterwards."""
        if self._pacer is not None:
            self._pacer.stop()
            self._pacer = None

    def _look(self, index: int) -> None:
        if not index:  # at the start
            return
        count = self._count()
        if count != self._seen:
            self._seen, self._still = count, 0
            if self.expired:
                self.expired = False
                self._on_change(False)
            return
        self._still += 1
        # The count last changed, or was first read, one interval before the first of these looks.
        if self._still == self._looks and not self.expired:
            self.expired = True
            self._on_change(True)
