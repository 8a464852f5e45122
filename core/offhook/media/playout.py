"""Playout: plays what the caller says, from a queue of items and from items that are mixed in, frame by frame.

The queue, and each item that is mixed in, is a `PlayoutQueue` with a bounded buffer of its own. The pacer takes a frame
every 20 ms: the sum of the queues, with the call's gain.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError
from offhook.interfaces.frame import SAMPLE_BYTES, samples_per_frame
from offhook.interfaces.samples import Damage
from offhook.media.counts import PlayoutCounts
from offhook.media.mixing import Gain, gain_of, mixed
from offhook.media.play_handle import PlayHandle, PlayMode, PlayoutEnd
from offhook.media.playout_queue import PlayoutQueue

if TYPE_CHECKING:
    from offhook.interfaces import AudioSource
    from offhook.media.damage import DamageLog
    from offhook.media.playout_queue import Spawn
    from offhook.media.rate_converter import Resample
    from offhook.plugin.isolation import Note


#: How many items can be mixed in at once.
MIXED_AT_ONCE: Final = 4
#: How long a source may yield no audio while the end of its playout is waited for, in seconds.
STALL_TIMEOUT_S: Final = 5.0


class Playout:
    """Everything that one call plays.

    Args:
        rate_hz: the leg's rate.
        resample: returns a resampler of a kind (``live``, ``file``) between two rates.
        spawn: starts a task that the call owns.
        note: called with the error of a source.
        damage: takes what items, mixing and gain do to samples.
        high_water_ms: how far sources are read ahead, in milliseconds.
        stall_timeout_s: how long a source may yield no audio while the end of its playout is waited for.
    """

    __slots__ = (
        "_closed",
        "_damage",
        "_draining",
        "_gain",
        "_idle",
        "_make_queue",
        "_mixed",
        "_queue",
        "_spawn",
        "counts",
        "rate_hz",
        "silence",
    )

    def __init__(
        self,
        rate_hz: int,
        resample: Resample,
        spawn: Spawn,
        note: Note,
        damage: DamageLog,
        *,
        high_water_ms: int = 200,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self.rate_hz: int = rate_hz
        self._damage = damage
        self.counts: PlayoutCounts = PlayoutCounts()
        self.silence: bytes = bytes(samples_per_frame(rate_hz) * SAMPLE_BYTES)
        self._spawn = spawn
        self._make_queue = partial(
            PlayoutQueue, rate_hz, resample, spawn, note, self.counts, damage, high_water_ms, stall_timeout_s
        )
        self._queue = self._make_queue()
        self._mixed: list[PlayoutQueue] = []
        self._gain: Gain | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        #: How many tasks wait in `drained`.
        self._draining = 0
        self._closed = False

    def admit(self, mode: PlayMode) -> None:
        """Check, before a source is opened, that it can be played now.

        Raises:
            CallStateError: as many items as allowed are mixed in already.
        """
        if mode is PlayMode.MIX:
            self._mixed = [queue for queue in self._mixed if not queue.idle]
            if len(self._mixed) >= MIXED_AT_ONCE:
                raise CallStateError(
                    f"{MIXED_AT_ONCE} items are mixed in already, which is the limit: await done() of one, "
                    "cancel() one, or play this one with mode='queue'"
                )

    def add(
        self, source: AudioSource, mode: PlayMode = PlayMode.QUEUE, gain: Gain | None = None, label: str = ""
    ) -> PlayHandle:
        """Play a source; when the call has ended, only close it.

        Args:
            source: what to play.
            mode: what happens to the audio that is playing.
            gain: the gain of this item.
            label: what is played, for messages; the source's class if empty.

        Raises:
            CallStateError: as in `admit`.
        """
        self.admit(mode)
        queue = self._make_queue() if mode is PlayMode.MIX else self._queue
        handle = PlayHandle(source, self.rate_hz, queue.drop, gain, label)
        if self._closed:
            handle.finish(PlayoutEnd.CALL_ENDED)
            self._spawn(queue.close_source(handle, None), name=f"closing {handle.label}")
            return handle
        if mode is PlayMode.REPLACE:
            self._drop_all(PlayoutEnd.REPLACED)
        elif mode is PlayMode.MIX:
            self._mixed.append(queue)
        self._idle.clear()
        queue.add(handle)
        return handle

    def take(self) -> bytes:
        """The next frame of 20 ms at the leg's rate; silence when nothing is playing."""
        frame = self._queue.take(self._draining > 0)
        if self._mixed:
            frame = self._mix(frame)
        if frame is None:
            if not self._idle.is_set() and self._queue.idle and not self._mixed:
                self._idle.set()
            return self.silence
        return frame if self._gain is None else self._amplified(self._gain, frame)

    def _amplified(self, gain: Gain, frame: bytes) -> bytes:
        before = gain.clipped
        frame = gain.apply(frame)
        if gain.clipped > before:
            self._damage.at("the call's gain", Damage(gain.clipped - before), "lower call.gain_db")
        return frame

    def _mix(self, frame: bytes | None) -> bytes | None:
        taken = (queue.take(self._draining > 0) for queue in self._mixed)
        sounds = [sound for sound in (frame, *taken) if sound is not None]
        self._mixed = [queue for queue in self._mixed if not queue.idle]
        if not sounds:
            return None
        sum_, clipped = mixed(sounds)
        if clipped:
            self._damage.at("mixing", Damage(clipped), "play the items with a gain_db below 0")
        return sum_

    def clear(self) -> float:
        """Drop everything that was not sent. Returns the milliseconds that were sent of the item that was playing."""
        played = self.position_ms
        self._drop_all(PlayoutEnd.CLEARED)
        return played

    @property
    def playing(self) -> bool:
        """Whether anything is queued or mixed in."""
        return not self._idle.is_set()

    async def drained(self) -> None:
        """Wait until all audio that is queued or mixed in has been sent or dropped.

        An item whose source yields no audio for the stall timeout meanwhile is dropped as failed.
        """
        self._draining += 1
        try:
            await self._idle.wait()
        finally:
            self._draining -= 1

    @property
    def gain_db(self) -> float:
        """The gain of everything that is played, in decibels."""
        return self._gain.db if self._gain else 0.0

    @gain_db.setter
    def gain_db(self, db: float) -> None:
        self._gain = gain_of(db)

    @property
    def position_ms(self) -> float:
        """How much of the item at the head of the queue has been sent, in milliseconds; else of the last one."""
        return self._queue.position_ms

    @property
    def queued_ms(self) -> float:
        """The audio that the queue has read and not yet sent, in milliseconds."""
        return self._queue.queued_ms

    def close(self) -> None:
        """Drop everything: the call is over. Idempotent."""
        self._closed = True
        for queue in (self._queue, *self._mixed):
            queue.settle()
        self._drop_all(PlayoutEnd.CALL_ENDED)
        self._idle.set()

    def _drop_all(self, end: PlayoutEnd) -> None:
        for queue in (self._queue, *self._mixed):
            queue.drop_all(end)
