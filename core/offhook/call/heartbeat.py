"""Notices that the event loop of a call stood still, before anything else of the call is done after it.

A process stands still while it is stopped (SIGSTOP, a debugger), while its container is paused, and while the machine
sleeps. Then no thread runs. When only the loop is blocked, other threads run: the watchdog names the code that blocks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces.clock import SystemClock
from offhook.media.pacer import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.call.watchdog import Watchdog
    from offhook.interfaces.clock import Clock


#: How often the loop is looked at while no audio arrives, in milliseconds.
_BEAT_MS: Final = 100
#: A shorter pause is not reported, in seconds: audio that was delayed this much is still placed well.
LEAST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the event loop of a call did not turn.

    Attributes:
        took_s: how long it lasted, with the time in which the machine slept.
        slept_s: how long the machine slept, which the clock of the event loop does not count.
        whole_process: whether the whole process stood still, and not only the loop.
    """

    took_s: float
    slept_s: float
    whole_process: bool


class Heartbeat:
    """Looks at the clocks, from `start` to `stop`.

    Args:
        clock: the phone's clock. With another one than the machine's nothing is looked at: a test sets the time.
        watchdog: knows whether the process was stopped; None if that is not known.
        on_pause: called with each pause of at least `LEAST_S`, when it is over.
    """

    def __init__(self, clock: Clock, watchdog: Watchdog | None, on_pause: Callable[[Pause], None]) -> None:
        self._clock = clock if isinstance(clock, SystemClock) else None
        self._watchdog = watchdog
        self._on_pause = on_pause
        self._time_s = 0.0
        self._slept_s = 0.0
        self._loop: asyncio.AbstractEventLoop
        #: None while it does not look. The heartbeats of a loop share its wake-ups with the frames of calls.
        self._beat: Pacer | None = None

    @property
    def look(self) -> Callable[[], None] | None:
        """`check`, or None if it will never look."""
        return None if self._clock is None else self.check

    def start(self) -> None:
        """Start looking."""
        if self._clock is not None:
            self._loop = asyncio.get_running_loop()
            self._time_s, self._slept_s = self._loop.time(), self._clock.asleep_s()
            self._beat = Pacer(self._loop, lambda _: self.check(), ptime_ms=_BEAT_MS, max_lag_ms=0)
            self._beat.start()

    def stop(self) -> None:
        """Stop looking: `on_pause` is not called after this. Idempotent."""
        if self._beat is not None:
            self._beat.stop()
            self._beat = None

    def check(self) -> None:
        """Look now. Called for each frame and each event, so that a pause is known before these are used."""
        if self._beat is None or self._clock is None:
            return
        time_s, slept_s = self._loop.time(), self._clock.asleep_s()
        slept = slept_s - self._slept_s
        took = time_s - self._time_s + slept
        self._time_s, self._slept_s = time_s, slept_s
        if took >= LEAST_S:
            stopped = self._watchdog is not None and self._watchdog.was_stopped(took)
            self._on_pause(Pause(took, slept, stopped or slept >= LEAST_S))
