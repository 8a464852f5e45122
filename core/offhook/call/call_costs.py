"""What calls cost: learnt from how long the loop's thread is busy while calls talk and are dialled.

Lateness shows nothing before the loop is full, and then it is too late: calls that ring now will talk in a moment. So
the cost of a call that talks is learnt, and the calls that are up are counted as if all of them talked.
"""

from __future__ import annotations

import math
from typing import Final

#: As soon as one call talks, the loop's own wake-ups cost as much as this number of calls: on several machines, one
#: call alone cost as much as four to five further ones.
BASE_CALLS: Final = 4
#: As long as no call has talked, a second of talking is assumed to cost this part of dialling, as it does on several
#: machines, fast and slow ones.
_TALK_OF_DIAL: Final = 1.0
#: How much that weighs, as the square of calls, times seconds.
_ASSUMED: Final = 50.0
#: What dialling is assumed to cost before a call was dialled, in seconds, and how much that weighs, as dials.
_DIAL_S: Final = 0.02
_ASSUMED_DIALS: Final = 2.0
#: After this time, in seconds, a measurement weighs a third.
_MEMORY_S: Final = 10.0


class CallCosts:
    """Learns what talking and dialling cost, by least squares, with more weight for what was measured lately."""

    def __init__(self) -> None:
        # Sums of squares and products of what was measured; x: calls that talk, y: dials in a second, z: CPU time.
        self._xx = self._xy = self._yy = self._xz = self._yz = 0.0
        #: Of the time before a call talked: dials, and the CPU time in seconds.
        self._dials = self._dials_s = 0.0

    def learn(self, took_s: float, busy_s: float, talking: float, dialled: float) -> None:
        """Learn from a short time.

        Args:
            took_s: how long it was.
            busy_s: how long the loop's thread was busy in it, in seconds: it computed, or waited for a core.
            talking: how many calls talked, on average.
            dialled: how many calls were dialled, a call that took several such times in parts.
        """
        if took_s <= 0:
            return
        if not talking:
            kept = 0.5 if dialled else 1.0
            self._dials = self._dials * kept + dialled
            self._dials_s = self._dials_s * kept + (busy_s if dialled else 0.0)
            return
        kept = math.exp(-took_s / _MEMORY_S)
        x, y, z = talking + BASE_CALLS, dialled / took_s, busy_s / took_s
        self._xx = self._xx * kept + took_s * x * x
        self._xy = self._xy * kept + took_s * x * y
        self._yy = self._yy * kept + took_s * y * y
        self._xz = self._xz * kept + took_s * x * z
        self._yz = self._yz * kept + took_s * y * z

    @property
    def call_percent(self) -> float:
        """What a call that talks needs, in percent of one core."""
        dial_s = (self._dials_s + _ASSUMED_DIALS * _DIAL_S) / (self._dials + _ASSUMED_DIALS)
        xx, yy = self._xx + _ASSUMED, self._yy + _ASSUMED_DIALS
        xz, yz = self._xz + _ASSUMED * _TALK_OF_DIAL * dial_s, self._yz + _ASSUMED_DIALS * dial_s
        # Never singular: both squares have been increased.
        return max(0.0, 100 * (xz * yy - yz * self._xy) / (xx * yy - self._xy**2))

    def expected_percent(self, calls: int) -> float:
        """What this number of calls needs once all of them talk, in percent of one core."""
        return self.call_percent * (calls + BASE_CALLS)
