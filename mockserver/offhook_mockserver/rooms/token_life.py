"""The life of one member's token: a callback some time before it expires, and one when it has expired."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from offhook_mockserver.rooms.timers import timers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Clock
    from offhook_mockserver.rooms.timers import Timer
    from offhook_wire.access_token import AccessToken


#: A token is reported as expiring this long before its end, as Agora's SDKs do; or half of its life before, if that is
#: shorter.
WARNING_S: Final = 30.0
#: The clock is read at least this often, because a test's clock need not keep pace with the loop's.
_LONGEST_NAP_S: Final = 1.0


class TokenLife:
    """Measures a token's life with the monotonic clock, from its verification: setting the wall clock ends no call.

    Args:
        clock: the time; if a test moves it, the callbacks follow at once.
        on_expiring: called once for each token with the seconds that it has left, rounded up.
        on_expired: called once, when the token has expired.
    """

    def __init__(self, clock: Clock, on_expiring: Callable[[int], None], on_expired: Callable[[], None]) -> None:
        self._clock = clock
        self._on_expiring = on_expiring
        self._on_expired = on_expired
        self._ends_s = 0.0
        self._warning_s: float | None = None
        self._timer: Timer | None = None

    def verified(self, token: AccessToken) -> None:
        """Measure the life of this token from now on; call this when the token has just been verified."""
        life_s = token.expires_at_s - self._clock.wall_s()
        self._ends_s = self._clock.monotonic_s() + life_s
        self._warning_s = self._ends_s - min(WARNING_S, life_s / 2)

    def start(self) -> None:
        """Start to watch, or check again; no callback is called before this."""
        self.stop()
        now_s = self._clock.monotonic_s()
        if now_s >= self._ends_s:
            self._on_expired()
            return
        if self._warning_s is not None and now_s >= self._warning_s:
            self._warning_s = None
            self._on_expiring(math.ceil(self._ends_s - now_s))
        next_s = self._ends_s if self._warning_s is None else self._warning_s
        self._timer = timers_of(self._clock).call_later(min(next_s - now_s, _LONGEST_NAP_S), self.start)

    def stop(self) -> None:
        """Stop watching. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
