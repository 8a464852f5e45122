"""Audio of the members, as the SDK delivers it: pieces of 10 ms become frames of 20 ms with positions.

The SDK delivers nothing while a talker pauses or the connection is out, and its frames carry no reliable time. So
positions count samples, and jump where time passed without any. A delay inside this process looks the same at first,
but ends with pieces in quick succession: then the position does not jump.
"""

from __future__ import annotations

import threading
from typing import Final

from offhook.interfaces import PTIME_MS, SAMPLE_BYTES
from offhook_agora.messages import Audio

#: A pause shorter than this is taken for jitter.
_PAUSE_S: Final = 0.06
#: Pieces that follow each other faster than this had waited inside this process.
_BURST_S: Final = 0.005
#: Talkers whose audio is put together at once.
_MOST_TALKERS: Final = 128


class _Talker:
    """What waits of one member's audio, and where it stands in time."""

    def __init__(self, position: int, now_s: float) -> None:
        self.pcm = bytearray()
        self.position = position
        #: When the first piece in `pcm` arrived, and the last one.
        self.first_s = self.last_s = now_s


class Incoming:
    """Puts frames together. Called from whichever threads the SDK uses.

    Args:
        leg: the leg's number.
        rate_hz: the rate of the frames.

    Attributes:
        frames: frames that were returned.
        malformed: pieces that were not 16-bit mono at the leg's rate, or of too many talkers.
    """

    def __init__(self, leg: int, rate_hz: int) -> None:
        self.frames: int = 0
        self.malformed: int = 0
        self._leg = leg
        self._rate_hz = rate_hz
        self._frame_bytes = rate_hz * PTIME_MS // 1000 * SAMPLE_BYTES
        self._start_s: float | None = None
        self._talkers: dict[int, _Talker] = {}
        self._lock = threading.Lock()

    def start(self, now_s: float) -> None:
        """The leg has joined: positions count from here."""
        self._start_s = now_s

    def add(self, uid: int, pcm: bytes, now_s: float) -> list[Audio]:
        """Take a piece of a member's audio; returns the frames that it completes."""
        with self._lock:
            talker = self._talker(uid, now_s)
            if talker is None or not pcm or len(pcm) % SAMPLE_BYTES:
                self.malformed += 1
                return []
            done: list[Audio] = []
            interval_s = now_s - talker.last_s
            if talker.pcm and interval_s > _PAUSE_S:
                done.append(self._cut(uid, talker, len(talker.pcm)))
            if not talker.pcm:
                talker.first_s = now_s
            talker.last_s = now_s
            talker.pcm += pcm
            while len(talker.pcm) >= self._frame_bytes:
                if interval_s >= _BURST_S:
                    self._catch_up(talker)
                done.append(self._cut(uid, talker, self._frame_bytes))
            self.frames += len(done)
            return done

    def end(self, uid: int, *, gone: bool) -> list[Audio]:
        """The member stopped publishing, or is `gone`; returns what was not a whole frame yet."""
        with self._lock:
            talker = self._talkers.pop(uid, None) if gone else self._talkers.get(uid)
            if talker is None or not talker.pcm:
                return []
            self.frames += 1
            return [self._cut(uid, talker, len(talker.pcm))]

    def _talker(self, uid: int, now_s: float) -> _Talker | None:
        talker = self._talkers.get(uid)
        if talker is None and self._start_s is not None and len(self._talkers) < _MOST_TALKERS:
            talker = self._talkers[uid] = _Talker(self._position(now_s), now_s)
        return talker

    def _position(self, now_s: float) -> int:
        return int((now_s - (self._start_s or 0.0)) * self._rate_hz)

    def _catch_up(self, talker: _Talker) -> None:
        """Jump to where the time is, if this frame arrived on time and yet is far behind it."""
        position = self._position(talker.first_s)
        if position - talker.position > _PAUSE_S * self._rate_hz:
            talker.position = position

    def _cut(self, uid: int, talker: _Talker, length: int) -> Audio:
        audio = Audio(self._leg, uid, talker.position, bytes(talker.pcm[:length]))
        del talker.pcm[:length]
        talker.position += length // SAMPLE_BYTES
        talker.first_s = talker.last_s
        return audio
