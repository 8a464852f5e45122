"""The pacer: calls `tick` once for each frame of media time, against absolute deadlines.

Frame *n* is due at ``start + n * ptime``, whatever happened to the frames before it. The pacer never sleeps for "one
frame's length", so it does not drift. When the loop was held up, the pacer catches up at once; after more than
`max_lag_ms` it skips frames instead, because a burst of old audio is worse than a gap. The index jumps over the gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.arguments import MOST_S, check_function, check_methods, check_whole
from offhook.interfaces.frame import PTIME_MS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Pacer:
    """One timer for one stream of frames.

    Args:
        loop: the event loop, whose clock is the time.
        tick: called with the index of the frame that is due; must not block or raise.
        ptime_ms: length of a frame, in milliseconds.
        max_lag_ms: the longest delay that it catches up frame by frame, in milliseconds.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tick: Callable[[int], None],
        *,
        ptime_ms: int = PTIME_MS,
        max_lag_ms: int = 200,
    ) -> None:
        check_methods(loop, "loop", ("call_at", "time"), "an event loop, such as asyncio.get_running_loop()")
        check_function(tick, "tick", ("the index of a frame",))
        check_whole(ptime_ms, "ptime_ms", least=1, most=1_000, unit="milliseconds")
        check_whole(max_lag_ms, "max_lag_ms", least=0, most=1_000 * MOST_S, unit="milliseconds")
        self._loop = loop
        self._tick = tick
        #: A virtual loop can use one timer for all frames.
        self._again: Callable[[asyncio.Handle | None, float], bool] | None = getattr(loop, "call_again", None)
        self._ptime_s = ptime_ms / 1000
        self._max_lag = max_lag_ms // ptime_ms
        self._started_at = 0.0
        #: The frame that is due next, and when.
        self._next = 0
        self._due_at = 0.0
        #: A frame is ticked so much early, in seconds: loops round the times of timers.
        self._early_s = 1e-6 * self._ptime_s
        #: From when on the next frame is due as well, in seconds after the time of one.
        self._late_s = self._ptime_s - self._early_s
        self._timer: asyncio.Handle | None = None
        #: Frames that were skipped because the loop was held up for too long.
        self.skipped: int = 0

    @property
    def running(self) -> bool:
        """Whether it is started and will call `tick` again."""
        return self._timer is not None

    def start(self) -> None:
        """Tick frame 0 at the next turn of the loop, and go on. A pacer that was stopped starts again at 0."""
        self.stop()
        self._started_at = self._due_at = self._loop.time()
        self._next = 0
        self._timer = self._loop.call_at(self._started_at, self._wake)

    def stop(self) -> None:
        """Stop: `tick` is not called after this. Idempotent; may be called from `tick`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        # The usual case first, since it happens 50 times a second: one frame is due, and no more.
        if -self._early_s <= self._loop.time() - self._due_at < self._late_s:
            index = self._next
            following = self._next = index + 1
            due_at = self._due_at = self._started_at + following * self._ptime_s
            timer, tick, again = self._timer, self._tick, self._again  # called as they are, not as methods
            tick(index)
            if self._timer is not timer:  # it was stopped, or started again
                return
            if again is None or not again(timer, due_at):
                self._timer = self._loop.call_at(due_at, self._wake)
        else:
            self._wake_late()

    def _wake_late(self) -> None:
        """The loop was held up, or the timer came too early."""
        due = int((self._loop.time() - self._started_at) / self._ptime_s + 1e-6)
        if due - self._next > self._max_lag:
            self.skipped += due - self._next
            self._next = due
        if self._next <= due:
            index, self._next, timer = self._next, self._next + 1, self._timer
            self._tick(index)
            if self._timer is not timer:
                return
        self._due_at = self._started_at + self._next * self._ptime_s
        if self._next <= due:
            # Behind: one frame per turn of the loop, so that the task that reads the source can keep up.
            self._timer = self._loop.call_soon(self._wake)
        else:
            self._timer = self._loop.call_at(self._due_at, self._wake)
