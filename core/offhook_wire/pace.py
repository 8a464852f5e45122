"""Holds a talker's audio to the time that passes: nothing that it sends makes a call longer than it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How far audio may be ahead of the time since the talker's first frame: the first frame may have been late by as much,
#: on a machine that is busy.
MOST_AHEAD_S: Final = 5.0
#: A numbering that begins further up begins here. Positions are 64 bits in messages, and the later ones must fit, too.
MOST_FIRST: Final = 2**62
#: A position this far back is a new numbering; less is an overlap, of a talker that reads positions off a clock.
_OVERLAP_S: Final = 1.0


class Pace:
    """Places the frames of one talker on a timeline that never runs backwards, and never far ahead of the clock.

    A position that steps far back, or leaps further ahead than time allows, starts a new numbering, which continues at
    the present moment. Audio that arrives faster than it plays is dropped from `MOST_AHEAD_S` on.

    Args:
        rate_hz: the unit of positions.
        time: returns seconds, monotonic.
    """

    __slots__ = ("_expected", "_first", "_latest", "_offset", "_rate_hz", "_start_s", "_time")

    def __init__(self, rate_hz: int, time: Callable[[], float]) -> None:
        self._rate_hz = rate_hz
        self._time = time
        self._start_s = 0.0
        self._first: int | None = None
        self._offset = 0
        self._expected = 0
        #: A position that was not too far ahead when the clock was read last, and so is not now.
        self._latest = -1

    def place(self, position: int, duration: int) -> int | None:
        """Return the position at which a frame belongs; None for a frame that came too early, which must be dropped.

        Args:
            position: of its first sample, as the talker numbers it.
            duration: its length.
        """
        expected = self._expected
        if position + self._offset == expected and expected <= self._latest:  # the usual case: the next frame, in time
            self._expected = expected + duration
            return expected
        if self._first is None:
            self._first, self._start_s = min(position, MOST_FIRST), self._time()
            self._offset, self._expected = self._first - position, self._first + duration
            return self._first
        now = self._first + int((self._time() - self._start_s) * self._rate_hz)
        latest = self._latest = now + int(MOST_AHEAD_S * self._rate_hz)
        offset = self._offset
        behind = self._expected - (position + offset)
        if behind > _OVERLAP_S * self._rate_hz or (behind < 0 and position + offset > latest):
            offset = max(self._expected, now) - position
        placed = max(self._expected, position + offset)
        if placed > latest:
            return None
        self._offset, self._expected = offset, placed + duration
        return placed
