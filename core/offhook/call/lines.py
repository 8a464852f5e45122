"""Which line a call is from, if the carrier has several: the one with the fewest calls, then the longest unused."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence


_Value = TypeVar("_Value")

#: How many lines, and how many callees, are remembered; beyond that, those used longest ago are forgotten.
_MOST: Final = 10_000
#: How many callees are forgotten after a call: more than come to be remembered, and few enough to take no time.
_MOST_FORGOTTEN: Final = 4


class LineUse:
    """The lines of one phone's calls.

    A callee that the phone is calling, or called a moment ago, is called from the same line again: the double-dial
    guard knows a callee by the line as well, and would not notice a second call from another one.

    Args:
        same_line_s: how long after a call "a moment ago" lasts.
    """

    def __init__(self, same_line_s: float) -> None:
        self._same_line_s = same_line_s
        #: For each call that is up, its line and its callee.
        self._up: dict[str, tuple[str, str]] = {}
        #: For each line, the end of its last call.
        self._used_s: dict[str, float] = {}
        #: For each callee that was called a moment ago, the line of the last call and when that ended; oldest first.
        self._called: dict[str, tuple[str, float]] = {}

    def choose(self, offered: Sequence[str], number: str, now_s: float) -> str:
        """Return the line to call `number` from.

        Args:
            offered: the lines to choose among, at least one. The callee's own number is chosen only if it is the only
                one, so that the call is refused.
            number: the callee.
            now_s: now, on a clock that never steps back.
        """
        calling = next((line for line, callee in self._up.values() if callee == number), None)
        if calling is not None:
            return calling
        lines = [line for line in offered if line != number] or list(offered)
        last, ended_s = self._called.get(number, ("", -math.inf))
        if now_s - ended_s <= self._same_line_s and last in lines:
            return last
        calls = Counter(line for line, _ in self._up.values())
        return min(lines, key=lambda line: (calls[line], self._used_s.get(line, -math.inf)))  # the first of equals

    def take(self, call_id: str, line: str, number: str) -> None:
        """A call from this line is up."""
        self._up[call_id] = line, number

    def give_back(self, call_id: str, now_s: float) -> None:
        """A call is over, or was not dialled after all. Does nothing if it has no line."""
        if call_id not in self._up:
            return
        line, number = self._up.pop(call_id)
        _remember(self._used_s, line, now_s)
        _remember(self._called, number, (line, now_s))
        for callee, (_, ended_s) in tuple(islice(self._called.items(), _MOST_FORGOTTEN)):
            if now_s - ended_s > self._same_line_s:
                del self._called[callee]


def _remember(known: dict[str, _Value], key: str, value: _Value) -> None:
    known.pop(key, None)
    known[key] = value
    if len(known) > _MOST:
        del known[next(iter(known))]
