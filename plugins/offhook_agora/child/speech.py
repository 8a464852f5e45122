"""Our audio of one leg, pushed to the SDK by the thread on which it arrives.

Pushes are made by the engine's audio thread alone, so that they stay in order without a lock. The leg's thread opens
the way to the connection, and shuts it before it takes the connection away: then it waits until no push is under way.
What arrives before the way is open is kept, and pushed by the leg's thread as it opens. No lock is held while the SDK
runs.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from offhook_agora.child.outgoing import Outgoing
from offhook_agora.messages import Flushed

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_agora.child.calls import Calls
    from offhook_agora.child.sdk import Connection
    from offhook_agora.messages import Audio, FromChild

_R = TypeVar("_R")

#: Pieces that are kept until the SDK publishes, a moment after it joined; a piece is at least a frame.
_MOST_EARLY: Final = 10


class Speech:
    """All methods but `open` and `shut` are called on the engine's audio thread.

    Args:
        leg: the leg's number.
        rate_hz: the rate of its audio.
        lead_ms: how much the SDK holds ahead.
        calls: makes the calls of the SDK.
        emit: called with each answer.
        now: the time.

    Attributes:
        outgoing: paces the audio, and counts.
        sent: frames that were not dropped here.
        dropped: frames that arrived when the way was shut, and pieces that were too many before it was open.
        refused: pieces that the SDK did not take.
    """

    def __init__(
        self,
        leg: int,
        rate_hz: int,
        lead_ms: int,
        calls: Calls,
        emit: Callable[[FromChild | Audio], None],
        now: Callable[[], float],
    ) -> None:
        self.outgoing: Outgoing = Outgoing(rate_hz, lead_ms)
        self.sent: int = 0
        self.dropped: int = 0
        self.refused: int = 0
        self._leg = leg
        self._rate_hz = rate_hz
        self._calls = calls
        self._emit = emit
        self._now = now
        self._changed = threading.Condition()
        self._connection: Connection | None = None
        self._early: deque[bytearray] = deque()
        self._shut = False
        self._busy = False

    # On the leg's thread

    def open(self, connection: Connection, calls: Calls) -> None:
        """Audio goes to this connection from now on, that which is there already first.

        Args:
            connection: publishes now.
            calls: makes the calls of the leg's thread.
        """
        while True:
            with self._changed:
                if not self._early:
                    self._connection = connection
                    return
                piece = self._early.popleft()
            if calls.make(partial(self._pushed, connection, piece)) != 0:
                self.refused += 1

    def shut(self, timeout_s: float) -> bool:
        """Let no more audio through, for good; returns whether no push is under way any more."""
        with self._changed:
            self._connection = None
            self._shut = True
            return self._changed.wait_for(lambda: not self._busy, timeout_s)

    # On the audio thread

    def send(self, audio: Audio) -> None:
        """Push a frame, or hold it."""
        if self._shut:
            self.dropped += 1
            return
        self.sent += 1
        self._push(self.outgoing.add(audio.pcm, audio.position, self._now()))

    def due(self) -> None:
        """Push what is held, once its time has come."""
        if not self._shut:
            self._push(self.outgoing.due(self._now()))

    def flush(self) -> None:
        """Empty the SDK, and say how much it had."""
        given = self.outgoing.given  # rather than what is left: the SDK can be behind what we think it has played
        dropped = self.outgoing.flush(self._now())
        with self._changed:
            self._early.clear()
        if given:
            self._with(lambda connection: connection.interrupt_audio())  # returns -1000 when it works
        self._emit(Flushed(self._leg, dropped * 1000 // self._rate_hz))

    def _push(self, piece: bytearray | None) -> None:
        if piece is None or self._kept(piece):
            return
        if self._with(lambda connection: self._pushed(connection, piece)) != 0:
            self.refused += 1
            self.outgoing.refused(piece)

    def _kept(self, piece: bytearray) -> bool:
        """Whether the way is not open yet: then the piece waits for that, or is dropped."""
        with self._changed:
            if self._connection is not None or self._shut:
                return False
            if len(self._early) < _MOST_EARLY:
                self._early.append(piece)
            else:
                self.dropped += 1
            return True

    def _pushed(self, connection: Connection, piece: bytearray) -> int:
        return connection.push_audio_pcm_data(piece, self._rate_hz, 1)

    def _with(self, call: Callable[[Connection], _R]) -> _R | None:
        with self._changed:
            connection = self._connection
            if connection is None:
                return None
            self._busy = True
        try:
            return self._calls.make(lambda: call(connection))
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
