"""How much of what a leg has sent is not heard yet, as far as this side knows."""

from __future__ import annotations

from typing import Final

#: The engine drops what is further ahead than this.
_MOST_S: Final = 0.3


class Unheard:
    """The audio that waits in the SDK: it plays at its own pace, and begins `lead_ms` after the first of a spurt.

    This is what `Leg.flush` returns at once; the engine drops the audio a moment later, and knows it exactly.

    Args:
        lead_ms: how much audio the engine keeps ahead of what is heard.
    """

    def __init__(self, lead_ms: float) -> None:
        self._lead_s = lead_ms / 1000
        #: When the last of what was sent is heard, and how much has been sent without a break.
        self._until_s = 0.0
        self._sent_s = 0.0

    def sent(self, duration_s: float, now_s: float) -> None:
        """Some audio was sent."""
        if self._until_s <= now_s:
            self._until_s, self._sent_s = now_s + self._lead_s, 0.0
        self._until_s += duration_s
        self._sent_s += duration_s

    def flush(self, now_s: float) -> float:
        """All of it was dropped. Returns its length in milliseconds."""
        unheard_s = min(self._sent_s, self.left_s(now_s))
        self._until_s = self._sent_s = 0.0
        return unheard_s * 1000

    def left_s(self, now_s: float) -> float:
        """How long it takes until all of it is heard: at most what the SDK holds."""
        return min(_MOST_S, max(0.0, self._until_s - now_s))
