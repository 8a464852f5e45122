"""The load of the mock's own loop: when it is late, a further call would harm those that are up.

Calls that nobody has joined cost next to nothing, and do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number
from offhook.errors import Overloaded
from offhook.interfaces import LoadMeter

if TYPE_CHECKING:
    from offhook.interfaces import Clock, LoopLoad

#: How late nine of ten timers may be, in milliseconds, where nothing else is set.
LATE_LIMIT_MS: Final = 50.0
#: While fewer calls than this have somebody in them, none is refused: what makes a loop late then is other work.
_ALWAYS: Final = 8


def check_late_limit(late_limit_ms: object) -> float | None:
    """Check the limit.

    Raises:
        ConfigError: it is neither None nor a number of milliseconds from 1 to 10,000.
    """
    if late_limit_ms is None:
        return None
    return check_number(late_limit_ms, "late_limit_ms", least=1, most=10_000, unit="milliseconds")


class OwnLoad:
    """Measures the running loop while there are calls.

    Args:
        clock: the mock's.
        late_limit_ms: how late nine of ten timers may be when a call is started, in milliseconds; None measures
            nothing, and limits nothing.
    """

    def __init__(self, clock: Clock, late_limit_ms: float | None) -> None:
        self._meter = LoadMeter(clock)
        self._limit_ms = late_limit_ms
        #: The channels of the calls that somebody has joined.
        self._joined: set[str] = set()

    @property
    def load(self) -> LoopLoad:
        """The load in the last 2 s, while there are calls."""
        return self._meter.load

    def check(self) -> None:
        """Check whether the loop has room for a further call, and measure from now on.

        Raises:
            Overloaded: it has not; nothing may be rung.
        """
        if self._limit_ms is None:
            return
        self._meter.start()
        joined = len(self._joined)
        if joined < _ALWAYS:
            return
        late_ms = self._meter.load.late_ms
        if late_ms > self._limit_ms:
            raise Overloaded(
                f"the mock's event loop is late by {late_ms:.0f} ms with {joined} calls that are up, and late_limit_ms "
                f"is {self._limit_ms:g}: nothing was rung. Place fewer calls at once, or use several mocks"
            )

    def joined(self, channel: str) -> None:
        """Somebody joined a call. Idempotent."""
        self._joined.add(channel)

    def over(self, channel: str) -> None:
        """A call is over. Idempotent."""
        self._joined.discard(channel)

    def none_left(self) -> None:
        """There are no calls any more: measure no longer."""
        self._meter.stop()
