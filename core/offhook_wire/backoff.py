"""How long a leg that lost its connection waits before each attempt to rejoin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from offhook.interfaces import Ids

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 1.0
#: After a connection that was up for this time, the first attempt is made at once.
_GOOD_S: Final = 5.0


class Backoff:
    """How long to wait before the next attempt.

    Args:
        ids: for jitter of up to a quarter, so that legs that were lost together do not rejoin together.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._next_s = 0.0

    def was_up(self, duration_s: float) -> None:
        """Start over if the lost connection had been up long enough."""
        if duration_s >= _GOOD_S:
            self._next_s = 0.0

    def wait_s(self) -> float:
        """Return the next wait: 0 s at first, then 0.1 s doubling to 1 s, each up to a quarter longer at random."""
        wait_s = self._next_s
        self._next_s = min(_LONGEST_WAIT_S, 2 * wait_s) or _FIRST_WAIT_S
        return wait_s * (1 + self._ids.below(250) / 1000)
