"""A model of what the SDK has queued and not played yet. Pure: the time is an argument.

The SDK plays what it is given at its own pace and does not say how far it is; its own guess is taken from the wall
clock. Here, everything that was pushed has an absolute time at which it is played, so that no error adds up.
"""

from __future__ import annotations


class PlayoutClock:
    """Counts samples that were pushed, and when the last of them is played.

    Args:
        rate_hz: the rate of the samples.

    Attributes:
        pushed: samples so far, those that were flushed later included.
    """

    def __init__(self, rate_hz: int) -> None:
        self.pushed: int = 0
        self._rate_hz = rate_hz
        #: The spurt began then, and has this number of samples; when the last of them is played follows from both.
        self._since_s = 0.0
        self._samples = 0

    def queued(self, now_s: float) -> int:
        """How many samples wait to be played."""
        played = round((now_s - self._since_s) * self._rate_hz)
        return max(0, self._samples - max(0, played))

    def push(self, samples: int, now_s: float) -> None:
        """The SDK was given `samples` more."""
        if not self.queued(now_s):  # it begins to play now
            self._since_s, self._samples = now_s, 0
        self._samples += samples
        self.pushed += samples

    def take_back(self, samples: int) -> None:
        """The SDK did not take the last piece."""
        self._samples -= samples
        self.pushed -= samples

    def flush(self, now_s: float) -> int:
        """What waits was dropped; returns how many samples that were."""
        dropped = self.queued(now_s)
        self._samples = 0
        return dropped
