"""The jitter buffer: delivers packets in order at once; waits a moment for a missing one, then conceals it.

It holds nothing while the stream is perfect, so it adds no delay; one lost packet delays the packets behind it by
`wait_ms` once, and the delay ends with the hole. It sets a timer only while a hole is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from offhook.interfaces import frames_in
from offhook_wire.rtp import CLOCK_HZ, FRAME_TICKS, sequence_distance, timestamp_distance

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable

#: A sequence number this far from the expected one, up or down, in packets, belongs to another numbering, or follows an
#: outage of a second.
WINDOW: Final = frames_in(1.0)
_HISTORY: Final = (1 << WINDOW) - 1
#: A restart whose timestamp is at most this far ahead is the same talker after an outage.
_OUTAGE_TICKS: Final = 60 * CLOCK_HZ


class Timers(Protocol):
    """What the buffer needs from an event loop."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> TimerHandle: ...


class JitterBuffer:
    """Receive-side buffer of one SSRC.

    Args:
        deliver: called with one packet's payload, or None for a frame to conceal, and the frame's position: RTP ticks
            since the first packet. The position never decreases, and jumps where the talker paused.
        loop: provides the timers.
        wait_ms: how long to wait for a missing packet once a later one has arrived: 0 to 5 on loopback, where UDP
            keeps its order, up to 20 over a network.
        ticks_of: returns how long a payload plays, in RTP ticks; 0 if that is not known. By default, each plays 20 ms.

    Attributes:
        late: packets that arrived after their place had been concealed or passed.
        duplicates: packets that had arrived before.
        concealed: frames that were concealed.
        resets: how often the numbering started over.
    """

    def __init__(
        self,
        deliver: Callable[[bytes | None, int], None],
        loop: Timers,
        *,
        wait_ms: float = 5,
        ticks_of: Callable[[bytes], int] = lambda payload: FRAME_TICKS,
    ) -> None:
        self.late: int = 0
        self.duplicates: int = 0
        self.concealed: int = 0
        self.resets: int = 0
        self._deliver = deliver
        self._loop = loop
        self._wait_s = wait_ms / 1000
        self._ticks_of = ticks_of
        self._next: int | None = None
        self._next_timestamp = 0
        self._position = 0
        #: One bit for each of the last WINDOW sequence numbers; the newest number has the lowest bit. A bit is 1 when
        #: the packet of its number was delivered.
        self._delivered = 0
        #: Packets beyond a hole: timestamp, payload, and when the wait for the packets before them ends.
        self._held: dict[int, tuple[int, bytes, float]] = {}
        #: A packet with a number from far away, until its successor shows that it is not a stray.
        self._stray: tuple[int, int, bytes] | None = None
        self._timer: TimerHandle | None = None

    @property
    def held(self) -> int:
        """The number of packets that wait for a hole to be filled, fewer than `WINDOW`."""
        return len(self._held)

    def add(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """Take a packet that just arrived."""
        if sequence == self._next and timestamp == self._next_timestamp and not self._held:  # the usual case
            ticks = self._ticks_of(payload) or FRAME_TICKS
            self._next = (sequence + 1) & 0xFFFF
            self._next_timestamp = (timestamp + ticks) & 0xFFFF_FFFF
            self._delivered = (self._delivered << 1 | 1) & _HISTORY
            self._stray = None
            position = self._position
            self._position = position + ticks
            self._deliver(payload, position)
            return
        if self._next is None:
            self._next, self._next_timestamp = sequence, timestamp
        ahead = sequence_distance(sequence, self._next)
        if ahead == 0:
            self._release(timestamp, payload)
            if self._held:
                self._drain()
        elif 0 < ahead < WINDOW:
            if sequence in self._held:
                self.duplicates += 1
                return
            self._held[sequence] = (timestamp, payload, self._loop.time() + self._wait_s)
            if self._timer is None:
                self._timer = self._loop.call_later(self._wait_s, self._expire)
        elif -WINDOW <= ahead < 0:
            if self._delivered >> (-ahead - 1) & 1:
                self.duplicates += 1
            else:
                self.late += 1
        else:
            self._far(sequence, timestamp, payload)

    def flush(self) -> None:
        """Conceal the open holes and release all held packets, since the stream is over."""
        while self._held:
            self._conceal()
            self._drain()

    def close(self) -> None:
        """Drop all held packets and stop waiting. `deliver` is not called again unless packets are added."""
        self._held.clear()
        self._stray = None
        self._stop_timer()

    def _release(self, timestamp: int, payload: bytes) -> None:
        assert self._next is not None
        # A timestamp that decreases while the sequence increases is wrong: time does not run backwards.
        self._position += max(0, timestamp_distance(timestamp, self._next_timestamp))
        ticks = self._ticks_of(payload) or FRAME_TICKS
        self._next = (self._next + 1) & 0xFFFF
        self._next_timestamp = (timestamp + ticks) & 0xFFFF_FFFF
        self._delivered = (self._delivered << 1 | 1) & _HISTORY
        self._stray = None
        position = self._position
        self._position += ticks
        self._deliver(payload, position)

    def _drain(self) -> None:
        self._stop_timer()
        while self._next is not None and (found := self._held.pop(self._next, None)) is not None:
            self._release(found[0], found[1])
        if self._held:
            due_s = min(due_s for _, _, due_s in self._held.values())
            self._timer = self._loop.call_later(max(0.0, due_s - self._loop.time()), self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._held:
            self._conceal()
            self._drain()

    def _conceal(self) -> None:
        """Fill the first hole, but never past the time of the packet behind it."""
        assert self._next is not None
        start = self._next
        first = min(self._held, key=lambda sequence: sequence_distance(sequence, start))
        until = self._held[first][0]
        for _ in range(sequence_distance(first, start)):
            self._next = (self._next + 1) & 0xFFFF
            self._delivered = self._delivered << 1 & _HISTORY
            if timestamp_distance(until, self._next_timestamp) < FRAME_TICKS:
                continue
            self._next_timestamp = (self._next_timestamp + FRAME_TICKS) & 0xFFFF_FFFF
            position = self._position
            self._position += FRAME_TICKS
            self.concealed += 1
            self._deliver(None, position)

    def _far(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """One packet far out of sequence is a stray; two consecutive ones restart the stream (RFC 3550, A.1)."""
        stray, self._stray = self._stray, (sequence, timestamp, payload)
        if stray is None or (stray[0] + 1) & 0xFFFF != sequence:
            return
        self.flush()
        self.resets += 1
        self._next, self._delivered = stray[0], 0
        if not 0 <= timestamp_distance(stray[1], self._next_timestamp) <= _OUTAGE_TICKS:
            self._next_timestamp = stray[1]
        self._release(stray[1], stray[2])
        self._release(timestamp, payload)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
