"""Whether our audio arrives, by the relay's reports: detects one-way audio in the direction that we cannot hear."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.interfaces import frames_in
from offhook_wire.rtp import sequence_distance

if TYPE_CHECKING:
    from offhook_wire.rtcp import ReportBlock

#: The fewest lost packets that count as one-way audio, half a second: fewer may be the last words before a pause.
_FEWEST: Final = frames_in(0.5)
#: Audio is lost only when reports without new packets have arrived for this time; a report arrives each second.
_REPORTS_S: Final = 1.5
#: A longer time without a packet is a pause.
_PAUSE_S: Final = 1.0
#: How many packets are remembered: enough for more audio than `lost_s`.
_MOST: Final = 512
_ALL_LOST: Final = 255


class Delivery:
    """Judges our own stream. It does not read a clock and does not report anything by itself.

    Args:
        lost_s: audio is lost when none of it has arrived for this time.

    Attributes:
        lost: whether it is lost now.
    """

    def __init__(self, lost_s: float) -> None:
        self.lost: bool = False
        self._lost_s = lost_s
        #: Packets that no report has covered: sequence number and the time of sending.
        self._uncovered: deque[tuple[int, float]] = deque(maxlen=_MOST)
        self._highest: int | None = None
        self._good_at_s: float | None = None
        self._report_at_s = 0.0
        self._sent_at_s = 0.0
        self._lost_at_s = 0.0

    def sent(self, sequence: int, now_s: float) -> bool:
        """Note a packet that was sent; returns whether `changed` must be asked now."""
        if self._good_at_s is None or now_s - self._sent_at_s > _PAUSE_S:
            # A loss before a pause says nothing about the packets after it.
            self._uncovered.clear()
            self._good_at_s = self._report_at_s = min(now_s, self._lost_at_s) if self.lost else now_s
        self._sent_at_s = now_s
        uncovered = self._uncovered
        uncovered.append((sequence, now_s))
        return self.lost or now_s - uncovered[0][1] >= self._lost_s

    def reported(self, block: ReportBlock | None, now_s: float) -> None:
        """Take a report of the relay, with or without a block about our stream."""
        self._report_at_s = now_s
        if block is None or block.fraction_lost == _ALL_LOST:
            return
        highest = block.highest_sequence & 0xFFFF
        if highest == self._highest:
            if not self._uncovered:
                self._good_at_s = now_s
            return
        self._highest, self._good_at_s = highest, now_s
        while self._uncovered and sequence_distance(self._uncovered[0][0], highest) <= 0:
            self._uncovered.popleft()

    def changed(self, now_s: float) -> bool:
        """Update `lost`, and return whether it changed."""
        if self.lost:
            # Only a report of received packets ends the loss; a pause on our side does not.
            self.lost = self._good_at_s is None or self._good_at_s <= self._lost_at_s
            return not self.lost
        if self._is_lost(now_s):
            self.lost, self._lost_at_s = True, now_s
        return self.lost

    def restart(self) -> None:
        """Forget the packets that were in flight, as the connection was lost and is back."""
        self._uncovered.clear()
        self._highest = self._good_at_s = None

    def _is_lost(self, now_s: float) -> bool:
        return (
            self._good_at_s is not None
            and len(self._uncovered) >= _FEWEST
            and now_s - self._uncovered[0][1] >= self._lost_s
            and self._report_at_s - self._good_at_s >= _REPORTS_S
        )
