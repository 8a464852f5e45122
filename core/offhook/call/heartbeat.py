"""Notices that the event loop of a call stood still, before anything else of the call is done after it.

A process stands still while it is stopped (SIGSTOP, a debugger), while its container is paused, and while the machine
sleeps. Then no thread runs. When only the loop is blocked, other threads run: the watchdog names the code that blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


#: How often the loop is looked at while no audio arrives, in seconds.
_BEAT_S: Final = 0.1
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
        get_loop: returns the event loop; called by `start`.
        asleep_s: returns how long the machine has slept since it was started.
        was_stopped: called with a number of seconds; returns whether the process did not run in that time until now.
        on_pause: called with each pause longer than `LEAST_S`, when it is over.
    """

    def __init__(
        self,
        get_loop: Callable[[], asyncio.AbstractEventLoop],
        asleep_s: Callable[[], float],
        was_stopped: Callable[[float], bool],
        on_pause: Callable[[Pause], None],
    ) -> None:
        self._get_loop = get_loop
        self._loop: asyncio.AbstractEventLoop
        self._asleep_s = asleep_s
        self._was_stopped = was_stopped
        self._on_pause = on_pause
        self._time_s = 0.0
        self._slept_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start looking."""
        self._loop = self._get_loop()
        self._time_s, self._slept_s = self._loop.time(), self._asleep_s()
        self._again()

    def stop(self) -> None:
        """Stop looking: `on_pause` is not called after this. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self) -> None:
        """Look now. Called for each frame and each event, so that a pause is known before these are used."""
        if self._timer is None:
            return
        time_s, slept_s = self._loop.time(), self._asleep_s()
        slept, took = slept_s - self._slept_s, time_s - self._time_s + slept_s - self._slept_s
        self._time_s, self._slept_s = time_s, slept_s
        if took >= LEAST_S:
            self._on_pause(Pause(took, slept, slept >= LEAST_S or self._was_stopped(took)))

    def _again(self) -> None:
        self._timer = self._loop.call_later(_BEAT_S, self._beat)

    def _beat(self) -> None:
        self._again()
        self.check()
