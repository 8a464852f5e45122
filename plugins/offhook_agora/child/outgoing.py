"""Audio on its way to the SDK: how much it holds ahead, whole milliseconds, silence for short pauses. Pure.

The beginning of a spurt of talk is held until `lead_ms` of it is there, or that time has passed; from then on the SDK
has that much ahead, and plays on while the program is late. A later spurt begins as long after the first one as its
position says: a pause keeps its length, although the SDK knows nothing of positions.
"""

from __future__ import annotations

from typing import Final

from offhook.interfaces import SAMPLE_BYTES
from offhook_agora.playout_clock import PlayoutClock

#: What is more than this ahead is dropped, rather than be heard late: twice the usual lead.
MOST_AHEAD_MS: Final = 200
#: With a longer lead, this much more than it: frames arrive early at times.
_ROOM_MS: Final = 100
#: How long less than a millisecond of audio waits for what follows it.
_REST_S: Final = 0.04


class Outgoing:
    """Turns frames of any length into pieces for the SDK.

    Args:
        rate_hz: the rate of the frames, a whole number of samples per millisecond.
        lead_ms: how much the SDK holds ahead.

    Attributes:
        dropped: frames that were too far ahead.
        underruns: how often the SDK had nothing left though the frames followed each other.
        flushed: frames that were dropped before the SDK had them.
        given: whether the SDK was given anything since the last flush.
    """

    def __init__(self, rate_hz: int, lead_ms: int) -> None:
        self.dropped: int = 0
        self.underruns: int = 0
        self.flushed: int = 0
        self.given: bool = False
        self._clock = PlayoutClock(rate_hz)
        self._rate_hz = rate_hz
        self._ms_bytes = rate_hz // 1000 * SAMPLE_BYTES
        self._lead_s = lead_ms / 1000
        self._lead_bytes = lead_ms * self._ms_bytes
        self._most_bytes = max(MOST_AHEAD_MS, lead_ms + _ROOM_MS) * self._ms_bytes
        #: What the SDK does not have yet.
        self._held = bytearray()
        self._held_frames = 0
        #: When `_held` is pushed at the latest; None while nothing is held.
        self._until_s: float | None = None
        #: The position at which the present spurt begins, and whether the anchor says when it is pushed.
        self._begins_at = 0
        self._timed = False
        #: When position 0 would have been pushed; None before the first spurt.
        self._anchor_s: float | None = None
        #: The position after the last frame.
        self._expected: int | None = None

    def add(self, pcm: bytes, position: int, now_s: float) -> bytearray | None:
        """Take a frame; returns what to push now."""
        queued = self._clock.queued(now_s) * SAMPLE_BYTES
        gap = 0 if self._expected is None else max(0, position - self._expected) * SAMPLE_BYTES
        follows = position == self._expected
        self._expected = position + len(pcm) // SAMPLE_BYTES
        if gap:
            # While the SDK still plays, or the beginning is still held, the pause has to be heard in between.
            fits = queued + len(self._held) + gap + len(pcm) <= self._most_bytes
            self._held += bytes(gap if fits and (queued or self._held) else -len(self._held) % self._ms_bytes)
        if queued + len(self._held) + len(pcm) > self._most_bytes:
            self.dropped += 1
            return None
        begins = not queued and len(self._held) < self._ms_bytes
        if begins and follows and self._lead_s and self._clock.pushed:
            self.underruns += 1
        self._held += pcm
        self._held_frames += 1
        if queued:
            return self._release(now_s)
        if begins:
            self._begin(position, now_s)
        return self.due(now_s)

    def due(self, now_s: float) -> bytearray | None:
        """Return what to push now, if anything; to be called at `deadline_s`."""
        if self._until_s is None:
            return None
        if now_s >= self._until_s:
            self._held += bytes(-len(self._held) % self._ms_bytes)
            return self._release(now_s)
        if not self._timed and len(self._held) >= max(self._lead_bytes, self._ms_bytes):
            return self._release(now_s)
        return None

    def deadline_s(self) -> float | None:
        """When to call `due`."""
        return self._until_s

    def flush(self, now_s: float) -> int:
        """Drop what is held, and count what the SDK drops now; returns how many samples that were."""
        held = len(self._held) // SAMPLE_BYTES
        self.flushed += self._held_frames
        self._forget_held()
        self._expected = None
        self.given = False
        return held + self._clock.flush(now_s)

    def refused(self, piece: bytearray) -> None:
        """The SDK did not take `piece`, which was the last one."""
        self._clock.take_back(len(piece) // SAMPLE_BYTES)

    def _begin(self, position: int, now_s: float) -> None:
        """Decide when a spurt of talk is pushed."""
        most_s = now_s + max(self._lead_s, _REST_S)
        planned_s = None if self._anchor_s is None else self._anchor_s + position / self._rate_hz
        self._begins_at = position
        self._timed = bool(self._lead_s) and planned_s is not None and now_s <= planned_s <= most_s
        self._until_s = planned_s if planned_s is not None and self._timed else most_s

    def _release(self, now_s: float) -> bytearray | None:
        if not self._timed and not self._clock.queued(now_s):
            self._anchor_s = now_s - self._begins_at / self._rate_hz
        self._timed = False
        whole = len(self._held) // self._ms_bytes * self._ms_bytes
        piece, rest = self._held[:whole], self._held[whole:]
        self._forget_held()
        if rest:
            self._held, self._until_s = rest, now_s + _REST_S
        if not piece:
            return None
        self.given = True
        self._clock.push(len(piece) // SAMPLE_BYTES, now_s)
        return piece

    def _forget_held(self) -> None:
        self._held = bytearray()
        self._held_frames = 0
        self._until_s = None
