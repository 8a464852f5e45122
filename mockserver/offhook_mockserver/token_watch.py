"""A member's token over time: notice before it expires, and what happens when it has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Agora's SDKs tell so long before the end that a token will expire.
NOTICE_S: Final = 30.0


class TokenWatch:
    """Two timers.

    Args:
        expiring: called `NOTICE_S` before the end, or when half of a shorter life is over.
        expired: called at the end.
    """

    def __init__(self, expiring: Callable[[], None], expired: Callable[[], None]) -> None:
        self._expiring = expiring
        self._expired = expired
        self._timers: list[asyncio.TimerHandle] = []

    def start(self, left_s: float) -> None:
        """Begin, or begin anew with a fresh token that lives for `left_s`.

        The time left is taken once and counted on the loop's clock, so a wall clock that is set meanwhile puts nobody
        out.
        """
        self.stop()
        loop = asyncio.get_running_loop()
        # Half of a short life, so that a renewal is not followed by the next notice at once.
        notice_s = min(NOTICE_S, left_s / 2)
        self._timers = [
            loop.call_later(left_s - notice_s, self._expiring),
            loop.call_later(left_s, self._expired),
        ]

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
