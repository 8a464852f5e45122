"""The load of the mock's own loop: when it is late or nearly full, a further call would harm those that are up.

Lateness shows nothing before the loop is full, so it is also learnt what a call costs that talks (`CallCosts`). Calls
that nobody has joined cost next to nothing, and do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_number
from offhook.errors import Overloaded
from offhook.interfaces import CallCosts, LoadMeter

if TYPE_CHECKING:
    from offhook.interfaces import Clock, LoopLoad

#: How late nine of ten timers may be, in milliseconds, where nothing else is set.
LATE_LIMIT_MS: Final = 50.0
#: While fewer calls than this have somebody in them, none is refused: what makes a loop late then is other work.
_ALWAYS: Final = 8
#: How much of a core the calls that somebody has joined, and one more, may need once all of them talk, in percent.
_BUSY_LIMIT_PERCENT: Final = 80.0
#: From how long a time the costs are learnt at once, in seconds.
_LEARN_S: Final = 0.5


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
        clock: the mock's. With another one than the machine's, only lateness is measured.
        late_limit_ms: how late nine of ten timers may be when a call is started, in milliseconds; None measures
            nothing, and limits nothing.
    """

    def __init__(self, clock: Clock, late_limit_ms: float | None) -> None:
        self._meter = LoadMeter(clock, self._looked)
        self._limit_ms = late_limit_ms
        self._costs = CallCosts()
        #: The calls that somebody has joined, and whether one of the members talks.
        self._joined: dict[str, bool] = {}
        self._talking = 0
        # Since the costs were last learnt: how long that is, how long the thread was busy, how long all calls talked
        # together, in seconds; and how many were joined.
        self._took_s = self._busy_s = self._talked_s = 0.0
        self._came = 0

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
            raise _overloaded(
                f"the mock's event loop is late by {late_ms:.0f} ms with {joined} calls that are up, and late_limit_ms "
                f"is {self._limit_ms:g}"
            )
        expected_percent = self._costs.expected_percent(joined + 1)
        if expected_percent > _BUSY_LIMIT_PERCENT:
            raise _overloaded(
                f"the {joined} calls that are up, and one more, need {expected_percent:.0f} % of the mock's core once "
                f"all of them talk, and the limit is {_BUSY_LIMIT_PERCENT:g}"
            )

    def member(self, channel: str, *, talks: bool) -> None:
        """Somebody joined a call, or began to talk in it."""
        if channel not in self._joined:
            self._joined[channel] = False
            self._came += 1
        if talks and not self._joined[channel]:
            self._joined[channel] = True
            self._talking += 1

    def over(self, channel: str) -> None:
        """A call is over. Idempotent."""
        self._talking -= self._joined.pop(channel, False)

    def none_left(self) -> None:
        """There are no calls any more: measure no longer."""
        self._meter.stop()

    def _looked(self, took_s: float, busy_s: float) -> None:
        self._took_s += took_s
        self._busy_s += busy_s
        self._talked_s += took_s * self._talking
        if self._took_s >= _LEARN_S:
            self._costs.learn(self._took_s, self._busy_s, self._talked_s / self._took_s, self._came)
            self._took_s = self._busy_s = self._talked_s = 0.0
            self._came = 0


def _overloaded(problem: str) -> Overloaded:
    return Overloaded(f"{problem}: nothing was rung. Place fewer calls at once, or use several mocks")
