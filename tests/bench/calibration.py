"""The speed of this machine: the CPU time of a fixed piece of Python, measured in turns with what is compared with it.

It does what offhook does for a frame, over and over: calls of methods, attributes, a queue, bytes that are joined and
cut, and a heap of timers. An absolute figure is given as a multiple of it, so that a slow or busy machine fails
no row.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often the piece is repeated: about as long as a call of G9 takes.
_ROUNDS: Final = 120_000


class _Piece:
    """Something with attributes and a method."""

    __slots__ = ("count", "frames", "timers")

    def __init__(self) -> None:
        self.count = 0
        self.frames: deque[bytes] = deque(maxlen=10)
        self.timers: list[tuple[float, int]] = []

    def tick(self, pcm: bytes) -> None:
        """One frame."""
        self.count += 1
        self.frames.append(pcm[:320] + pcm[320:])
        heapq.heappush(self.timers, (self.count * 0.02, self.count))
        if len(self.timers) > 4:
            due_s, index = heapq.heappop(self.timers)
            if due_s > index:
                raise RuntimeError("the calibration is broken")


def calibration_s(clock: Callable[[], float] = time.thread_time) -> float:
    """The time that the piece takes now, in seconds: CPU time, or what another clock counts."""
    pcm, piece = bytes(640), _Piece()
    start_s = clock()
    for _ in range(_ROUNDS):
        piece.tick(pcm)
    return clock() - start_s
