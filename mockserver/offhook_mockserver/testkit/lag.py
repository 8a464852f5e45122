"""How long the mock's loop stood still while a call was up: such a run says nothing about the application.

While a call is up, the probe asks the loop to call it every 4 ms. Where two of these calls are more than `STALL_S`
apart, the loop did not turn in between: the machine was busy, or a thread of this process held the interpreter. Which
of the two it was shows in the CPU time that the process used meanwhile.
"""

from __future__ import annotations

import resource
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: A loop that does not turn for longer than this stood still.
STALL_S: Final = 0.010
#: The pause between two looks while a call is up, and while none is. The first is counted as a part of a stall, so that
#: a stall is never counted as shorter than it was.
_LOOK_S: Final = 0.004
_IDLE_LOOK_S: Final = 0.02
#: How many stalls are kept, the latest ones.
_MOST: Final = 1000
#: A process that used more of a stall than this computed; else it waited for the machine.
_COMPUTED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which a loop did not turn.

    Attributes:
        from_s: when it began, in the time of the loop.
        took_s: how long it lasted.
        cpu_s: the CPU time that this process used meanwhile, in all its threads.
    """

    from_s: float
    took_s: float
    cpu_s: float

    @property
    def text(self) -> str:
        """One sentence for people, with the figure."""
        if self.cpu_s > self.took_s * _COMPUTED:
            why = "a thread of this process computed meanwhile and kept the interpreter"
        else:
            why = "the machine was busy: this process got no CPU time"
        return f"the mock's loop stood still for {self.took_s * 1000:.0f} ms ({why})"


class LagProbe:
    """Watches one loop while it is started.

    Args:
        loop: the loop, on whose thread `start` and `stop` are called.
        calls_up: returns how many calls are up. What happens while there are none disturbs no call, and is not noted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, calls_up: Callable[[], int]) -> None:
        self._loop = loop
        self._calls_up = calls_up
        self._stalls: deque[Stall] = deque(maxlen=_MOST)
        self._users = 0
        self._next: asyncio.TimerHandle | None = None
        self._last_s = 0.0
        self._last_up = False
        self._pause_s = _IDLE_LOOK_S
        self._cpu_s = 0.0

    def start(self) -> None:
        """Begin to look. Each call needs a `stop`."""
        self._users += 1
        if self._next is None:
            self._begin_span()

    def stop(self) -> None:
        """End one `start`; the last one ends the looks. What was noted remains."""
        self._users -= 1
        if not self._users and self._next is not None:
            self._end_span()  # a stall may have lasted until now
            self._next.cancel()
            self._next = None

    def now_s(self) -> float:
        """The time of the loop, from which stalls are counted."""
        return self._loop.time()

    def worst(self, since_s: float) -> Stall | None:
        """Return the longest stall that ended after `since_s`, or None. Any thread may call it."""
        later = (stall for stall in tuple(self._stalls) if stall.from_s + stall.took_s > since_s)
        return max(later, key=lambda stall: stall.took_s, default=None)

    def stood_still_s(self, since_s: float) -> float:
        """Return how long the loop stood still since `since_s`, in all. Any thread may call it."""
        return sum(stall.took_s for stall in tuple(self._stalls) if stall.from_s + stall.took_s > since_s)

    def _look(self) -> None:
        self._end_span()
        self._begin_span()

    def _begin_span(self) -> None:
        self._last_s, self._last_up, self._cpu_s = self._loop.time(), self._calls_up() > 0, _cpu_s()
        self._pause_s = _LOOK_S if self._last_up else _IDLE_LOOK_S
        self._next = self._loop.call_later(self._pause_s, self._look)

    def _end_span(self) -> None:
        took_s = self._loop.time() - self._last_s - (self._pause_s - _LOOK_S)
        if took_s > STALL_S and (self._last_up or self._calls_up() > 0):
            self._stalls.append(Stall(self._last_s, took_s, _cpu_s() - self._cpu_s))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
