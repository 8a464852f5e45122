"""The pacer: calls `tick` once for each frame of media time, against absolute deadlines.

Frame *n* is due at ``start + n * ptime``, whatever happened to the frames before it. The pacer never sleeps for "one
frame's length", so it does not drift. When the loop was held up, the pacer catches up at once; after more than
`max_lag_ms` it skips frames instead, because a burst of old audio is worse than a gap. The index jumps over the gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.arguments import MOST_S, check_function, check_methods, check_whole
from offhook.interfaces.frame import PTIME_MS
from offhook.media.pace_timer import PaceTimers, Run

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from offhook.media.pace_timer import PaceTimer


class Pacer:
    """The times of one stream of frames.

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
        self._tick = tick
        self._timers = PaceTimers.of_loop(loop)
        self._ptime_s = ptime_ms / 1000
        self._max_lag = max_lag_ms // ptime_ms
        self._running: tuple[PaceTimer, Run] | None = None
        #: When frame 0 is due, by the loop's clock; of the last start.
        self.started_at: float = 0.0
        #: Frames that were skipped because the loop was held up for too long.
        self.skipped: int = 0

    @property
    def running(self) -> bool:
        """Whether it is started and will call `tick` again."""
        return self._running is not None

    def start(self) -> None:
        """Tick frame 0 at the next turn of the loop, and go on. A pacer that was stopped starts again at 0.

        Frame 0 may have been due up to a quarter of a frame before now, if other pacers of the loop tick then: pacers
        share a timer (see `pace_timer`).
        """
        self.stop()
        run = Run(self._tick, self._max_lag, self._skip)
        timer, self.started_at = self._timers.start(run, self._ptime_s)
        self._running = timer, run

    def stop(self) -> None:
        """Stop: `tick` is not called after this. Idempotent; may be called from `tick`."""
        if self._running is not None:
            self._timers.stop(*self._running)
            self._running = None

    def _skip(self, frames: int) -> None:
        self.skipped += frames
