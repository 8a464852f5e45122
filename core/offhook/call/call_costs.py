"""What calls cost: learnt from the CPU time that the loop's thread uses while calls talk and are dialled.

Lateness shows nothing before the loop is full, and then it is too late: calls that ring now will talk in a moment. So
the cost of a call that talks is learnt, and the calls that are up are counted as if all of them talked.
"""

from __future__ import annotations

import math
from typing import Final

#: The loop's own wake-ups cost as much as this number of calls: on several machines, one call alone cost as much as
#: four to five further ones.
BASE_CALLS: Final = 4
#: What is assumed at first: the CPU time of a call in one second, and of dialling one, in seconds.
_TALK_S: Final = 0.008
_DIAL_S: Final = 0.02
#: How much these assumptions weigh, as seconds with one call and as dials.
_ASSUMED_S: Final = 50.0
_ASSUMED_DIALS: Final = 2.0
#: After this time, in seconds, a measurement weighs a third.
_MEMORY_S: Final = 10.0


class CallCosts:
    """Learns two costs by least squares, with more weight for what was measured lately."""

    def __init__(self) -> None:
        self._calls2 = self._calls_dials = self._dials2 = self._calls_cpu = self._dials_cpu = 0.0

    def learn(self, took_s: float, cpu_s: float, talking: float, dialled: float) -> None:
        """Learn from a short time.

        Args:
            took_s: how long it was.
            cpu_s: how much CPU time the loop's thread used in it.
            talking: how many calls talked, on average.
            dialled: how many calls were dialled, a call that took several such times in parts.
        """
        if took_s <= 0:
            return
        kept = math.exp(-took_s / _MEMORY_S)
        calls, dials, cpu, weight = talking + BASE_CALLS, dialled / took_s, cpu_s / took_s, took_s
        self._calls2 = self._calls2 * kept + weight * calls * calls
        self._calls_dials = self._calls_dials * kept + weight * calls * dials
        self._dials2 = self._dials2 * kept + weight * dials * dials
        self._calls_cpu = self._calls_cpu * kept + weight * calls * cpu
        self._dials_cpu = self._dials_cpu * kept + weight * dials * cpu

    @property
    def call_percent(self) -> float:
        """What a call that talks needs, in percent of one core."""
        calls2, dials2 = self._calls2 + _ASSUMED_S, self._dials2 + _ASSUMED_DIALS
        calls_cpu = self._calls_cpu + _ASSUMED_S * _TALK_S
        dials_cpu = self._dials_cpu + _ASSUMED_DIALS * _DIAL_S
        # Never singular: both squares have been increased.
        determinant = calls2 * dials2 - self._calls_dials**2
        return max(0.0, 100 * (calls_cpu * dials2 - dials_cpu * self._calls_dials) / determinant)
