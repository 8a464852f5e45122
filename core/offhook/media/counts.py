"""The counts that all queues of one call share: every queue adds to them, and `CallMedia` reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PlayoutCounts:
    """Counts of all sources of a call."""

    #: Frames that were filled up with silence because a source was late.
    underruns: int = 0
    #: How many times a source ran dry, however long each time lasted.
    stalls: int = 0
    #: Sources that were read to their end.
    ended: int = 0
    #: Sources that raised, returned something other than audio, or stalled while their end was waited for.
    failed: int = 0
    #: Sources that had to wait for room in the buffer, because they were faster than playout.
    held_back: int = 0
    #: Sources whose audio had a rate other than the leg's.
    resampled: int = 0
