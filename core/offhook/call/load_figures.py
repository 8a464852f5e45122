"""The figures of admission by load: what a phone shows of it, what a record keeps of it, and the reason for a wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.call.load_policy import LoadPolicy
    from offhook.interfaces.loop_load import LoopLoad


@dataclass(frozen=True, slots=True)
class PhoneLoad:
    """The load of a phone's event loop in the last 2 s, and what it means for new calls.

    It is measured while calls are up; in virtual time only if the phone was given a `LoadPolicy`.

    Attributes:
        late_ms: nine of ten timers of the loop were late by at most this, in milliseconds.
        busy_percent: how much of the time the loop's thread computed, or waited for a core, in percent.
        expected_percent: what the calls that are up, and one more, will need once all of them talk, in percent of one
            core; 0 if no call is up.
        up: how many calls are up, those that are being dialled or that ring included.
        talking: how many of these were answered.
        waiting: how many calls wait for their turn.
        refused: how many calls were refused because of the load, since the phone was made.
    """

    late_ms: float
    busy_percent: float
    expected_percent: float
    up: int
    talking: int
    waiting: int
    refused: int


@dataclass(slots=True)
class UpCall:
    """A call that is up.

    Attributes:
        at_s: when it was admitted, in the loop's time.
        waited_s: how long it waited for its turn, in seconds.
        talking: whether it was answered.
        late_ms, busy_percent: the highest load that was measured while it was up.
    """

    at_s: float
    waited_s: float
    talking: bool = False
    late_ms: float = 0.0
    busy_percent: float = 0.0

    def see(self, load: LoopLoad) -> None:
        """Keep a load if it is the highest."""
        self.late_ms = max(self.late_ms, load.late_ms)
        self.busy_percent = max(self.busy_percent, load.busy_percent)

    def counters(self, load: LoopLoad) -> dict[str, int]:
        """What the record keeps.

        Args:
            load: the load at the end of the call.
        """
        self.see(load)
        return {
            "loop_late_ms": round(self.late_ms),
            "loop_busy_percent": round(self.busy_percent),
            "waited_for_turn_ms": round(1000 * self.waited_s),
        }


def reason(load: LoopLoad, expected_percent: float, up: int, policy: LoadPolicy) -> str:
    """Which limit is reached, as a clause; empty if none is.

    Args:
        load: what was measured.
        expected_percent: what the calls that are up, and one more, will need, in percent of one core.
        up: how many calls are up.
        policy: the limits.
    """
    if policy.late_limit_ms is not None and load.late_ms > policy.late_limit_ms:
        return f"the event loop is late by {load.late_ms:.0f} ms, and late_limit_ms is {policy.late_limit_ms:g}"
    if policy.busy_limit_percent is not None and expected_percent > policy.busy_limit_percent:
        return (
            f"the {up} calls that are up, and one more, need {expected_percent:.1f} % of a core once all of them talk, "
            f"and busy_limit_percent is {policy.busy_limit_percent:g}"
        )
    return ""
