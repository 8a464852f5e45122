"""How loaded an event loop is: how late its timers are, and how long its thread is busy.

One timer measures both, 20 times a second, while it is started. Nothing is measured for each frame or packet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces.clock import Clock


#: How often the loop is looked at, in seconds.
PERIOD_S: Final = 0.05
#: How much of the past the figures are about, in looks: 2 s on a loop that is on time.
_LOOKS: Final = 40
#: How many of the last looks show what happens now: 0.25 s.
_RECENT: Final = 5
#: This share of the timers was at most as late as the figure says.
_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class LoopLoad:
    """The load of an event loop in the last 2 s.

    Attributes:
        late_ms: nine of ten timers were late by at most this, in milliseconds.
        busy_percent: how much of the time the loop's thread computed, or waited for a core, in percent.
    """

    late_ms: float
    busy_percent: float


#: Nothing was measured, or the loop has nothing to do.
IDLE: Final = LoopLoad(0.0, 0.0)


class LoadMeter:
    """Measures the running loop, from `start` to `stop`.

    Args:
        clock: the machine's; with another one, the loop's thread counts as idle.
        looked: called after each look, on the loop, with the seconds since the last one and how long the loop's thread
            was busy in these, in seconds. None if nobody needs that.
    """

    def __init__(self, clock: Clock, looked: Callable[[float, float], None] | None = None) -> None:
        self._clock = clock if isinstance(clock, SystemClock) else None
        self._looked = looked
        self._late_s: deque[float] = deque(maxlen=_LOOKS)
        #: The time and the busy time of each look, and of the start.
        self._at: deque[tuple[float, float]] = deque(maxlen=_LOOKS + 1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0

    @property
    def load(self) -> LoopLoad:
        """The load in the last 2 s; after `stop`, what it was then."""
        if not self._late_s:
            return IDLE
        (from_s, from_busy_s), (to_s, to_busy_s) = self._at[0], self._at[-1]
        late_s = sorted(self._late_s)[int(_SHARE * (len(self._late_s) - 1))]
        return LoopLoad(1000 * late_s, 100 * (to_busy_s - from_busy_s) / max(to_s - from_s, PERIOD_S))

    @property
    def late_now_ms(self) -> float:
        """How late the last few timers were on average, in milliseconds."""
        recent = list(self._late_s)[-_RECENT:]
        return 1000 * sum(recent) / len(recent) if recent else 0.0

    def start(self) -> None:
        """Measure the running loop, from nothing. Does nothing if this loop is being measured."""
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._loop is loop:
            return
        self._loop = loop
        self._late_s.clear()
        self._at.clear()
        self._at.append((loop.time(), self._busy_s()))
        self._again()

    def stop(self) -> None:
        """Measure no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _busy_s(self) -> float:
        return 0.0 if self._clock is None else self._clock.thread_busy_s()

    def _again(self) -> None:
        assert self._loop is not None
        self._due_s = self._loop.time() + PERIOD_S
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        assert self._loop is not None
        now_s, busy_s = self._loop.time(), self._busy_s()
        before_s, before_busy_s = self._at[-1]
        self._late_s.append(max(0.0, now_s - self._due_s))
        self._at.append((now_s, busy_s))
        self._again()
        if self._looked is not None:
            self._looked(now_s - before_s, busy_s - before_busy_s)
