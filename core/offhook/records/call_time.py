"""The time of one call: seconds since it was dialled, for its session, its journal and its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.interfaces.clock import iso_8601

if TYPE_CHECKING:
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.grant import Grant


class CallTime:
    """Reads the clock for one call.

    Times are whole microseconds, so that a replayed journal feeds the session the same times as the call did.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._dialed_at_s = 0.0
        self._latest_s = 0.0

    def begin(self) -> str:
        """The call is dialled now: its time starts. Returns the wall time, ISO 8601."""
        self._dialed_at_s = self._clock.monotonic_s()
        return iso_8601(self._clock.wall_s())

    def now_s(self) -> float:
        """Seconds since dialling."""
        return max(self._latest_s, round(self._clock.monotonic_s() - self._dialed_at_s, 6))

    def reach(self, deadline_s: float | None) -> float:
        """Return the time at which a timer expired: now, or its deadline if rounding puts now before the deadline."""
        self._latest_s = max(self.now_s(), deadline_s or 0.0)
        return self._latest_s

    def expiry_s(self, grant: Grant) -> float | None:
        """When a grant's token expires, on the session's clock, which later changes of the wall clock do not affect."""
        if grant.expires_at_s is None:
            return None
        return round(self.now_s() + grant.expires_at_s - self._clock.wall_s(), 6)
