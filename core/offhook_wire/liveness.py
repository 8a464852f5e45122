"""Whether the other side is still there: a count of what came from it that stands still for too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Looks in one limit. Time is counted in looks, so that a loop that was held up itself, and whose timers come before
#: its sockets then, takes that for one look and not for silence.
_LOOKS: Final = 10


class LivenessTimer:
    """Looks at a count at intervals, between `start` and `stop`.

    Args:
        count: what has come so far.
        limit_s: silence is told after so long, and at most a tenth later.
        on_change: told True when silence begins and False when it ends. May call `stop`.
    """

    def __init__(self, count: Callable[[], int], limit_s: float, on_change: Callable[[bool], None]) -> None:
        self.silent: bool = False
        self._count = count
        self._look_s = limit_s / _LOOKS
        self._on_change = on_change
        self._seen = 0
        self._still = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._seen, self._still, self.silent = self._count(), 0, False
        self._again()

    def stop(self) -> None:
        """Stop watching. Idempotent; nothing is told afterwards."""
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
            if self.silent:
                self.silent = False
                self._on_change(False)
            return
        self._still += 1
        # The count was looked at once before the first of these looks.
        if self._still == _LOOKS and not self.silent:
            self.silent = True
            self._on_change(True)
