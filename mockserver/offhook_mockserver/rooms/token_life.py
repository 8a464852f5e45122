"""The life of one member's token: told a while before its end, and at its end."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Clock
    from offhook_wire.access_token import AccessToken


#: So long before its end a token is said to be expiring, as Agora's SDKs do; at half of a shorter life.
WARNING_S: Final = 30.0
#: Between two looks at a clock that may be a test's.
_LONGEST_NAP_S: Final = 1.0


class TokenLife:
    """Counts from the moment a token was verified, by the monotonic clock: setting the wall clock ends no call early.

    Args:
        clock: the time.
        on_expiring: told once for each token how many seconds it has left, rounded up.
        on_expired: told once that there is none left.
    """

    def __init__(self, clock: Clock, on_expiring: Callable[[int], None], on_expired: Callable[[], None]) -> None:
        self._clock = clock
        self._on_expiring = on_expiring
        self._on_expired = on_expired
        self._ends_s = 0.0
        self._warning_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def verified(self, token: AccessToken) -> None:
        """This token was verified just now, and is the one that counts."""
        life_s = token.expires_at_s - self._clock.wall_s()
        self._ends_s = self._clock.monotonic_s() + life_s
        self._warning_s = self._ends_s - min(WARNING_S, life_s / 2)

    def start(self) -> None:
        """Begin to watch, or look again; nothing is told before."""
        self.stop()
        now_s = self._clock.monotonic_s()
        if now_s >= self._ends_s:
            self._on_expired()
            return
        if self._warning_s is not None and now_s >= self._warning_s:
            self._warning_s = None
            self._on_expiring(math.ceil(self._ends_s - now_s))
        next_s = self._ends_s if self._warning_s is None else self._warning_s
        self._timer = asyncio.get_running_loop().call_later(min(next_s - now_s, _LONGEST_NAP_S), self.start)

    def stop(self) -> None:
        """Stop watching. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
