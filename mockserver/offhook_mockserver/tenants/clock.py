"""A tenant's time: that of its mock, until a test moves it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number, check_seconds
from offhook.interfaces import SystemClock, iso_8601

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from offhook.interfaces import Clock


#: In the year 2096. Tokens hold times that are before 2106, and a test may last.
_LAST_WALL_S: Final = 4_000_000_000


class TenantClock:
    """The clock of one tenant, which a test can move.

    Tokens, time limits and the journal follow it. Audio does not, nor do the steps of callees' scripts: they follow the
    event loop. Use it on the loop of the mock; it is not thread-safe.

    Args:
        base: the clock of the mock; by default, that of the machine.

    Attributes:
        on_move: called after each move, with a sentence for people.
    """

    def __init__(self, base: Clock | None = None) -> None:
        self._base: Clock = SystemClock() if base is None else base
        self._ahead_s = 0.0
        self._wall_offset_s = 0.0
        #: In the order of their making, so that timers of the same time keep it.
        self._timers: dict[_MovableTimer, None] = {}
        self.on_move: Callable[[str], object] = lambda what: None

    @property
    def ahead_s(self) -> float:
        """By how many seconds `advance` has moved it in total."""
        return self._ahead_s

    @property
    def wall_offset_s(self) -> float:
        """By how many seconds `set_wall` has moved the wall clock alone; negative if it was set back."""
        return self._wall_offset_s

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        return self._base.monotonic_s() + self._ahead_s

    def wall_s(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return self._base.wall_s() + self._ahead_s + self._wall_offset_s

    def advance(self, seconds: float) -> None:
        """Move both clocks forward. Timers that have become due are called at once, in the order of their times.

        Raises:
            ConfigError: `seconds` is not a positive number of seconds, or the wall clock would pass the year 2096.
        """
        seconds = check_seconds(seconds, "seconds")
        _check_wall(self.wall_s() + seconds, "the wall clock")
        self._ahead_s += seconds
        self.on_move(f"the test moved the clock forward by {seconds:g} s")
        for timer in sorted(self._timers, key=lambda timer: timer.due_s):
            timer.arm()

    def set_wall(self, wall_s: float) -> None:
        """Set the wall clock, as an administrator may. No timer changes, and tokens in use live as long as before.

        Args:
            wall_s: seconds since 1970-01-01T00:00:00Z, at most 4,000,000,000, which is in the year 2096.

        Raises:
            ConfigError: `wall_s` is not such a number.
        """
        wall_s = _check_wall(wall_s, "wall_s")
        self._wall_offset_s += wall_s - self.wall_s()
        self.on_move(f"the test set the wall clock to {iso_8601(wall_s)}")

    def restore(self, ahead_s: float, wall_offset_s: float) -> None:
        """Put a new clock to where an exported one was.

        Raises:
            ConfigError: an argument is not a number, `ahead_s` is negative, or the wall clock would be before 1970 or
                after the year 2096.
        """
        ahead_s = check_number(ahead_s, "ahead_s", least=0, unit="seconds")
        wall_offset_s = check_number(wall_offset_s, "wall_offset_s", least=-_LAST_WALL_S, most=_LAST_WALL_S)
        _check_wall(self._base.wall_s() + ahead_s + wall_offset_s, "the wall clock")
        self._ahead_s, self._wall_offset_s = ahead_s, wall_offset_s

    # Timers

    def timer_s(self) -> float:
        """The time by which timers run: that of the running loop, and by how much a test has moved the clock."""
        return asyncio.get_running_loop().time() + self._ahead_s

    def call_later(self, delay_s: float, call: Callable[[], object], /) -> _MovableTimer:
        """Call `call` after `delay_s` of this clock. While a test does not move it, this is the loop's `call_later`."""
        timer = _MovableTimer(self, self.timer_s() + delay_s, call)
        self._timers[timer] = None
        timer.arm()
        return timer

    def forget(self, timer: _MovableTimer) -> None:
        """The timer has been called or cancelled."""
        self._timers.pop(timer, None)

    @contextlib.asynccontextmanager
    async def timeout(self, delay_s: float) -> AsyncGenerator[None]:
        """Raise `TimeoutError` if the body lasts longer than `delay_s` of this clock; see `asyncio.timeout`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            timer = self.call_later(delay_s, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()


def _check_wall(wall_s: float, name: str) -> float:
    return check_number(wall_s, name, least=0, most=_LAST_WALL_S, unit="seconds since 1970")


class _MovableTimer:
    """A timer of a `TenantClock`; its time is the loop's plus `ahead_s`."""

    def __init__(self, clock: TenantClock, due_s: float, call: Callable[[], object]) -> None:
        self.due_s = due_s
        self._clock = clock
        self._call = call
        # A test may move the clock while its virtual loop stands still.
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Schedule the call anew, by the clock as it is now."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(self.due_s - self._clock.ahead_s, self._due)

    def cancel(self) -> None:
        """Cancel the call. Idempotent."""
        self._clock.forget(self)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> None:
        self._clock.forget(self)
        self._handle = None
        self._call()
