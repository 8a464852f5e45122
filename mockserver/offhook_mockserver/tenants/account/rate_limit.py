"""How often an account may do something in a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook_mockserver.tenants.clock import TenantClock


class RateLimit:
    """A limit of `most` times in any `within_s` seconds.

    Args:
        clock: the tenant's time.
        most: how often.
        within_s: in how many seconds.
    """

    def __init__(self, clock: TenantClock, most: int, within_s: float) -> None:
        self._clock = clock
        self._within_s = within_s
        self._times: deque[float] = deque(maxlen=most)

    def take(self) -> float:
        """Do it once more. Returns 0, or after how many seconds it is allowed; then it does not count."""
        now_s = self._clock.monotonic_s()
        if len(self._times) == self._times.maxlen:
            wait_s = self._times[0] + self._within_s - now_s
            if wait_s > 0:
                return wait_s
        self._times.append(now_s)
        return 0.0
