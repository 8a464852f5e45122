"""Whether the event loop makes its turns: how long it was blocked, and whether a part blocks it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from offhook.interfaces.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: The interval at which a condition is checked.
LOOK_S: Final = 0.005
#: A part may block the loop for this time, in seconds. A fifth of it would be heard in a call; the rest is for machines
#: that are busy.
MOST_BLOCKED_S: Final = 0.25
#: The number of attempts at not blocking the loop, since the machine may have been busy.
_TRIES: Final = 3


class Turns:
    """Measures for how long the running loop is blocked at most, in real seconds and in those of the loop.

    Args:
        every_s: how soon after a turn the next one is expected.

    Attributes:
        longest_s: the longest time so far between a turn and the moment when it was expected.
    """

    def __init__(self, every_s: float = LOOK_S) -> None:
        self.longest_s: float = 0.0
        self._every_s = every_s
        self._clocks = (SystemClock().monotonic_s, asyncio.get_running_loop().time)
        self._last_s = [read() for read in self._clocks]

    def turn(self) -> None:
        """The loop has made a turn."""
        now_s = [read() for read in self._clocks]
        late_s = [now - last - self._every_s for now, last in zip(now_s, self._last_s, strict=True)]
        self.longest_s = max(self.longest_s, *late_s)
        self._last_s = now_s

    def too_late(self, what: str, within_s: float) -> str:
        """Say that something did not happen in time, and whether the loop was blocked meanwhile."""
        if self.longest_s >= max(MOST_BLOCKED_S, within_s / 2):
            return f"the event loop was blocked for {self.longest_s:.1f} s, so this did not happen: {what}"
        return f"did not happen within {within_s:g} s: {what}"


async def does_not_block(work: Callable[[], Awaitable[object]], what: str) -> None:
    """Check that something leaves the loop its turns; tried three times, since the machine may have been busy.

    Args:
        work: what must not block the loop; its errors are ignored.
        what: names `work` in the message of a failure.

    Raises:
        AssertionError: it blocked the loop each time.
    """
    blocked_s = 0.0
    for _ in range(_TRIES):
        turns = Turns()
        working = asyncio.ensure_future(work())
        while not working.done():
            await asyncio.wait({working}, timeout=LOOK_S)
            turns.turn()
        with contextlib.suppress(Exception):
            working.result()
        blocked_s = turns.longest_s
        if blocked_s <= MOST_BLOCKED_S:
            return
    raise AssertionError(f"{what} blocked the event loop for {blocked_s:.2f} s: no other task runs meanwhile")
