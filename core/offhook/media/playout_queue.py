"""A queue of playout: its sources are read ahead a little, and taken one frame at a time.

A feeder task reads one source after the other, converts each to the leg's rate and stops at the high-water mark; the
owner of the queue takes a frame every 20 ms. One bounded buffer stands between the two. Items follow each other without
a gap: a frame may hold the end of one and the start of the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError, SourceStalled
from offhook.interfaces.frame import PTIME_MS, SAMPLE_BYTES, AudioFrame, samples_per_frame
from offhook.interfaces.samples import UNDAMAGED, Damage
from offhook.media.play_handle import PlayoutEnd
from offhook.media.rate_converter import RateConverter
from offhook.plugin.isolation import as_plugin_error, close_isolated, is_running

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Protocol

    from offhook.media.counts import PlayoutCounts
    from offhook.media.damage import DamageLog
    from offhook.media.play_handle import PlayHandle
    from offhook.media.rate_converter import Resample
    from offhook.plugin.isolation import Note

    class Spawn(Protocol):
        """Starts a task; its name says what it does, for messages."""

        def __call__(self, work: Coroutine[None, None, None], /, *, name: str) -> asyncio.Task[None]: ...


#: After this many empty frames in a row, a source is read at the pace of frames, not as fast as it returns.
_EMPTY_AT_ONCE: Final = 10


class PlayoutQueue:
    """One queue of playout.

    Args:
        rate_hz: the leg's rate.
        resample: returns a resampler of a kind (``live``, ``file``) between two rates.
        spawn: starts a task that the call owns.
        note: called with each error of a source.
        counts: the counts of the call, to which this queue adds.
        damage: takes what happens to samples on their way from the source.
        high_water_ms: how far sources are read ahead, in milliseconds.
        stall_timeout_s: how long a source may yield no audio while the end of its playout is waited for.
    """

    __slots__ = (
        "_buffer",
        "_buffered_bytes",
        "_counts",
        "_damage",
        "_dry",
        "_feeding",
        "_frame_bytes",
        "_high_water_bytes",
        "_note",
        "_queue",
        "_resample",
        "_sent",
        "_space",
        "_spawn",
        "_stall_timeout_s",
        "_stalled_frames",
        "rate_hz",
    )

    def __init__(
        self,
        rate_hz: int,
        resample: Resample,
        spawn: Spawn,
        note: Note,
        counts: PlayoutCounts,
        damage: DamageLog,
        high_water_ms: int,
        stall_timeout_s: float,
    ) -> None:
        self.rate_hz: int = rate_hz
        self._resample = resample
        self._spawn = spawn
        self._note = note
        self._counts = counts
        self._damage = damage
        self._frame_bytes = samples_per_frame(rate_hz) * SAMPLE_BYTES
        self._high_water_bytes = rate_hz * high_water_ms // 1000 * SAMPLE_BYTES
        self._queue: deque[PlayHandle] = deque()
        #: Audio that was read and not sent; only of items that are in the queue.
        self._buffer: deque[tuple[PlayHandle, bytes]] = deque()
        self._buffered_bytes = 0
        self._sent: list[PlayHandle] = []
        #: What the feeder waits for at the high-water mark. An `asyncio.Event` does the same at twice the cost.
        self._space: asyncio.Future[None] | None = None
        self._feeding: tuple[PlayHandle, asyncio.Task[None]] | None = None
        self._dry = False
        self._stall_timeout_s = stall_timeout_s
        #: Frames in a row for which the item at the head had no audio while its end was waited for.
        self._stalled_frames = 0

    # ---- for its owner

    def add(self, handle: PlayHandle) -> None:
        """Queue an item."""
        self._queue.append(handle)
        self._feed_next()

    def take(self, waited_for: bool = False) -> bytes | None:
        """The next frame of 20 ms at the leg's rate, or None when it has no audio.

        Args:
            waited_for: whether a task waits for the end of all playout, so that a source must not stall.
        """
        if self._sent:
            self.settle()
        if not self._queue:
            return None
        buffer, size = self._buffer, self._frame_bytes
        if buffer and len(buffer[0][1]) == size:  # the usual case, and nothing is copied
            handle, frame = buffer.popleft()
            self._buffered_bytes -= size
            handle.buffered_bytes -= size
            handle.samples_sent += size // SAMPLE_BYTES
        else:
            frame = self._gather(size)
        head = self._queue[0]
        if head.read_to_end and not head.buffered_bytes:
            self._retire()
        if self._space is not None and self._buffered_bytes * 2 <= self._high_water_bytes:
            self._wake_feeder()  # not for every frame, since it costs a task switch
        if len(frame) == size:
            self._dry = False
            self._stalled_frames = 0
            return frame
        return self._fill_up(frame, size, waited_for)

    def settle(self) -> None:
        """End the items whose last frame was taken: its 20 ms have passed."""
        for handle in self._sent:
            handle.finish(PlayoutEnd.COMPLETED if handle.failure is None else PlayoutEnd.FAILED, handle.failure)
        self._sent.clear()

    def drop_all(self, end: PlayoutEnd) -> None:
        """Drop everything that was not sent."""
        for handle in reversed(tuple(self._queue)):  # from the back, so that the feeder does not start on another item
            self.drop(handle, end)

    def drop(self, handle: PlayHandle, end: PlayoutEnd, problem: OffhookError | None = None) -> None:
        """Drop the rest of one item."""
        if handle not in self._queue:
            return
        if handle is self._queue[0]:
            self._dry = False
            self._stalled_frames = 0
        self._queue.remove(handle)
        handle.dropped = True
        self._buffer = deque(item for item in self._buffer if item[0] is not handle)
        self._buffered_bytes -= handle.buffered_bytes
        handle.finish(end, problem)
        self._wake_feeder()
        if handle.read_to_end:
            return
        self._note_damage(handle)
        task = None
        if self._feeding is not None and self._feeding[0] is handle:
            task = self._feeding[1]
            task.cancel()
            self._feeding = None
        self._spawn(self.close_source(handle, task), name=f"closing {handle.label}")
        self._feed_next()

    @property
    def idle(self) -> bool:
        """Whether every item has ended: all was sent or dropped, and the 20 ms of the last frame have passed."""
        return not self._queue and not self._sent

    @property
    def position_ms(self) -> float:
        """How much of the playing item has been sent, in milliseconds."""
        if self._queue and (self._queue[0].samples_sent or not self._sent):
            return self._queue[0].position_ms
        return self._sent[-1].position_ms if self._sent else 0.0

    @property
    def queued_ms(self) -> float:
        """The audio that was read and not yet sent, in milliseconds."""
        return self.ms(self._buffered_bytes // SAMPLE_BYTES)

    def ms(self, samples: int) -> float:
        """The length of `samples` at the leg's rate, in milliseconds."""
        return samples * 1000 / self.rate_hz

    # ---- one frame

    def _gather(self, size: int) -> bytes:
        """A frame made of pieces of other lengths; shorter when the buffer holds less."""
        parts: list[bytes] = []
        missing = size
        while self._buffer and missing:
            handle, pcm = self._buffer.popleft()
            part = pcm[:missing]
            if len(part) < len(pcm):
                self._buffer.appendleft((handle, pcm[missing:]))
            parts.append(part)
            missing -= len(part)
            handle.buffered_bytes -= len(part)
            handle.samples_sent += len(part) // SAMPLE_BYTES
        self._buffered_bytes -= size - missing
        return b"".join(parts)

    def _fill_up(self, frame: bytes, size: int, waited_for: bool) -> bytes | None:
        """Fill up a short frame with silence. Counts an underrun if the item at the head has begun and not ended."""
        head = self._queue[0] if self._queue else None
        if head is not None and not head.read_to_end:
            if head.samples_sent:
                head.underruns += 1
                self._counts.underruns += 1
                if not self._dry:
                    self._counts.stalls += 1
                self._dry = True
            if frame:
                self._stalled_frames = 0
            elif waited_for or any(handle.waiters for handle in self._queue):
                self._count_stall(head)
        return frame.ljust(size, b"\0") if frame else None

    def _count_stall(self, head: PlayHandle) -> None:
        """The item at the head had no audio for a frame, and its end is waited for; it fails after the stall timeout.

        Nothing is counted while no task waits: a source may pause for as long as it likes.
        """
        self._stalled_frames += 1
        if self._stalled_frames * PTIME_MS < self._stall_timeout_s * 1000:
            return
        self._fail(head, SourceStalled(f"its source returned no audio for {self._stall_timeout_s:g} s"))
        self.drop(head, PlayoutEnd.FAILED, head.failure)

    def _retire(self) -> None:
        """Remove the first items of the queue if all their audio was read and sent; they end after this frame."""
        while self._queue and self._queue[0].read_to_end and not self._queue[0].buffered_bytes:
            self._sent.append(self._queue.popleft())
            self._dry = False
            self._stalled_frames = 0

    # ---- the feeder

    def _feed_next(self) -> None:
        if self._feeding is not None:
            return
        for handle in self._queue:
            if not handle.read_to_end:
                self._feeding = handle, self._spawn(self._feed(handle), name=f"playing {handle.label}")
                return

    def _wake_feeder(self) -> None:
        space, self._space = self._space, None
        if space is not None and not space.done():
            space.set_result(None)

    async def _feed(self, handle: PlayHandle) -> None:
        """Read one source to its end into the buffer. Whatever the source raises, the call goes on."""
        converter = RateConverter(handle.source, self.rate_hz, self._resample)
        reader = asyncio.current_task()
        error: BaseException | None = None
        try:
            await self._read(handle, converter)
        except asyncio.CancelledError as cancelled:
            if reader is None or reader.cancelling():
                self._add_damage(handle, converter.damage())
                raise
            error = cancelled  # this task was not cancelled: the source itself raised CancelledError
        except GeneratorExit as raised:
            if not is_running(reader):
                raise  # the loop was closed under the call
            error = raised
        except BaseException as raised:
            error = raised
        if not handle.dropped:
            try:  # what was read before an error is played, with the samples that the resampler still holds
                await self._push(handle, converter.rest())
            except Exception as raised:
                error = error or raised
            self._add_damage(handle, converter.damage())
        if handle.dropped:  # the source ignored the cancellation; `drop` has started a task that closes it
            return
        if error is None:
            self._counts.ended += 1
        else:
            self._fail(handle, error)
        handle.read_to_end = True
        self._note_damage(handle)
        self._feeding = None
        self._retire()
        self._feed_next()
        await self.close_source(handle, None)

    async def close_source(self, handle: PlayHandle, reader: asyncio.Task[None] | None) -> None:
        """Close a source, after the task that reads it has ended."""
        if reader is not None:
            await asyncio.wait({reader})
        try:
            await close_isolated(handle.source)
        except OffhookError as error:
            self._note(error, f"closing {handle.label} failed")

    async def _read(self, handle: PlayHandle, converter: RateConverter) -> None:
        source, size = handle.source, self._frame_bytes
        resampled = False
        empty = 0
        while (frame := await source.read()) is not None and not handle.dropped:
            if (  # the usual case first: a whole frame at the right rate, with space for it
                type(frame) is AudioFrame
                and type(frame.pcm) is bytes
                and len(frame.pcm) == size
                and frame.rate_hz == self.rate_hz
                and frame.damage is UNDAMAGED
                and converter.resampler is None
                and handle.gain is None
                and self._buffered_bytes + size <= self._high_water_bytes
                and (not (buffer := self._buffer) or len(buffer[-1][1]) == size)
            ):
                empty = 0
                buffer.append((handle, frame.pcm))
                self._buffered_bytes += size
                handle.buffered_bytes += size
                handle.samples_read += size // SAMPLE_BYTES
                continue
            empty += 1
            for pcm in converter.convert(frame):
                if pcm:
                    empty = 0
                if self._buffered_bytes + len(pcm) <= self._high_water_bytes and handle.gain is None:
                    self._buffer_part(handle, pcm)  # the usual case, without a coroutine
                else:
                    await self._push(handle, pcm)
            if converter.resampled and not resampled:
                resampled = True
                self._counts.resampled += 1
            if frame.damage is not UNDAMAGED:
                self._add_damage(handle, frame.damage)
            handle.samples_read += len(frame.pcm) // SAMPLE_BYTES
            if empty:  # a source that keeps returning empty frames must not hold up the loop
                await asyncio.sleep(0 if empty < _EMPTY_AT_ONCE else PTIME_MS / 1000)

    async def _push(self, handle: PlayHandle, pcm: bytes) -> None:
        """Add audio to the buffer piece by piece, waiting at the high-water mark."""
        gain = handle.gain
        if gain is not None:
            before = gain.clipped
            pcm = gain.apply(pcm)
            self._add_damage(handle, Damage(gain.clipped - before))
        while pcm:
            room = self._high_water_bytes - self._buffered_bytes
            if room <= 0:
                self._counts.held_back += not handle.held_back
                handle.held_back = True
                self._space = asyncio.get_running_loop().create_future()
                await self._space
                continue
            part, pcm = pcm[:room], pcm[room:]
            self._buffer_part(handle, part)

    def _buffer_part(self, handle: PlayHandle, pcm: bytes) -> None:
        """Buffer audio in pieces of one frame, so that `take` copies nothing."""
        given, buffer, size = len(pcm), self._buffer, self._frame_bytes
        self._buffered_bytes += given
        handle.buffered_bytes += given
        if given == size and (not buffer or len(buffer[-1][1]) == size):
            buffer.append((handle, pcm))
            return
        start = 0
        if buffer and buffer[-1][0] is handle and (missing := size - len(buffer[-1][1])) > 0:
            buffer[-1] = handle, buffer[-1][1] + pcm[:missing]
            start = missing
        for at in range(start, given, size):
            buffer.append((handle, pcm[at : at + size]))

    def _add_damage(self, handle: PlayHandle, damage: Damage) -> None:
        if damage:
            handle.damage += damage
            self._damage.add(damage)

    def _note_damage(self, handle: PlayHandle) -> None:
        self._damage.item_ended(handle.label, handle.damage, handle.samples_read)

    def _fail(self, handle: PlayHandle, error: BaseException) -> None:
        self._counts.failed += 1
        handle.failure = as_plugin_error(handle.source, "read", error)
        self._note(handle.failure, f"playing {handle.label} failed")
