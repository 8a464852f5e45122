"""Listening: what the callee says, as bounded streams, and the recordings that are written from them.

A slow reader loses the oldest frames, which are counted; it never holds up the network side or another reader.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol

from offhook.arguments import check_rate
from offhook.errors import OffhookError, PluginError
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.interfaces.stream import BoundedStream
from offhook.media.rate_converter import clipped_by
from offhook.media.sinks import FunctionSink
from offhook.plugin.isolation import CLOSE_TIMEOUT_S, cancel_and_wait, close_isolated, isolated, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioSink, Resampler
    from offhook.plugin.isolation import Note


#: How much audio may wait for a listener, in milliseconds.
LISTENER_MS: Final = 2_000
#: How much audio may wait for a sink, in milliseconds, since a sink may stall on a disk.
SINK_MS: Final = 10_000


#: A recording that begins within this time after our leg has joined begins with the call, with silence before its first
#: audio, in seconds. So recordings that were begun at once fit together.
BEGIN_S: Final = 0.5


def waiting_ms(sink: AudioSink) -> int:
    """How much audio may wait for a sink, in milliseconds; a function is a listener like any other."""
    return LISTENER_MS if isinstance(sink, FunctionSink) else SINK_MS


class AudioStream(BoundedStream[AudioFrame]):
    """The callee's audio for one listener.

    Positions count samples at the stream's own rate since our leg joined the channel; where they jump, nothing arrived.

    Args:
        capacity: frames that may wait.
        resampler: converts from the leg's rate, or None.
        rate_hz: the rate of this stream.
        on_drop: called for each frame that is dropped.

    Raises:
        ConfigError: an argument is of the wrong type or out of range.
    """

    __slots__ = ("_clipped", "_expected", "_given", "rate_hz", "resampler")

    def __init__(
        self,
        capacity: int,
        resampler: Resampler | None,
        rate_hz: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(capacity, on_drop)
        self.rate_hz: int = check_rate(rate_hz)
        self.resampler: Resampler | None = resampler
        self._expected: int | None = None
        self._given = 0
        self._clipped = 0

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame from the leg, on the loop of the call."""
        self._affinity.check()
        if self.resampler is None:
            self._add(frame)
            return
        # The resampler holds a little back, so positions are counted and only re-read from the leg after a pause.
        if frame.position != self._expected:
            self._given = frame.position * self.rate_hz // frame.rate_hz
        self._expected = frame.position + frame.samples
        self._give(self.resampler.convert(frame.pcm))

    def flush(self) -> None:
        """The call is over: yield what the resampler held back."""
        self._affinity.check()
        if self.resampler is not None:
            self._give(self.resampler.flush())

    def newly_clipped(self) -> int:
        """How many samples its resampler has clipped since this was called last."""
        self._affinity.check()
        if self.resampler is None:
            return 0
        before, self._clipped = self._clipped, clipped_by(self.resampler)
        return max(0, self._clipped - before)

    def _give(self, pcm: bytes) -> None:
        if pcm:
            converted = AudioFrame(pcm, self.rate_hz, self._given)
            self._given += converted.samples
            self.put(converted)


class Heard(Protocol):
    """The media of a call, as something to listen to."""

    rate_hz: int

    @property
    def position(self) -> int:
        """Now, in samples since the leg joined."""
        ...

    def listen(self, rate_hz: int | None, capacity_ms: int) -> AudioStream:
        """Return a stream of the callee's audio from now on."""
        ...

    def forget(self, stream: AudioStream) -> None:
        """A listener is gone."""
        ...


async def record_rest(heard: Heard, stream: AudioStream, sink: AudioSink, note: Note) -> None:
    """Write the callee's audio to a sink until the call ends, and close the sink. Whatever the sink raises is noted.

    Args:
        heard: the media of the call.
        stream: a stream of `heard`, made for this sink.
        sink: what to write to.
        note: called with each error of the sink.
    """
    start = heard.position
    try:
        await record_stream(stream, sink, 0 if start < BEGIN_S * heard.rate_hz else start)
        await mark(sink, heard.rate_hz, heard.position)
    except OffhookError as error:
        note(error, _failed(sink))
    except GeneratorExit:  # the loop was closed under the call: nothing can be waited for any more
        raise
    except BaseException:
        heard.forget(stream)
        await close_sink(sink, note)
        raise
    heard.forget(stream)
    await close_sink(sink, note)


async def record_for(heard: Heard, sink: AudioSink, duration_s: float) -> float:
    """Write the callee's audio to a sink for some time, or until the call ends, and close the sink.

    It takes at most 10.5 s longer than `duration_s`, even if the sink hangs.

    Returns:
        How many seconds were recorded.

    Raises:
        PluginError, StorageError: the sink failed; its first error.
    """
    stream, start = heard.listen(None, waiting_ms(sink)), heard.position
    end = start + round(duration_s * heard.rate_hz)
    writing = asyncio.create_task(record_stream(stream, sink, start, end))
    try:
        try:
            await asyncio.wait({writing}, timeout=duration_s)
        finally:
            heard.forget(stream)
            stuck = await cancel_and_wait({writing})
        if stuck:
            raise PluginError(name_of(sink), "write", "did not end when it was cancelled, and was left behind")
        if not writing.cancelled():
            end = min(end, max(writing.result(), heard.position))  # the call ended first
        await mark(sink, heard.rate_hz, end, CLOSE_TIMEOUT_S)
    except BaseException:
        with contextlib.suppress(OffhookError):  # the earlier error is the one to raise
            await close_isolated(sink)
        raise
    await close_isolated(sink)
    return (end - start) / heard.rate_hz


async def close_sink(sink: AudioSink, note: Note) -> None:
    """Close a sink; an error that it raises is noted."""
    try:
        await close_isolated(sink)
    except OffhookError as error:
        note(error, _failed(sink))


def _failed(sink: AudioSink) -> str:
    return f"listening with {name_of(sink)} failed"


async def record_stream(stream: AudioStream, sink: AudioSink, start: int, end: int | None = None) -> int:
    """Write a stream's audio between two positions to a sink, until the stream ends.

    Returns:
        The position that the recording reaches.

    Raises:
        PluginError, StorageError: the sink failed.
    """
    reached = start
    await mark(sink, stream.rate_hz, start)
    async for frame in stream:
        first = max(0, start - frame.position)  # a frame may have been on its way when the recording began
        last = frame.samples if end is None else min(frame.samples, end - frame.position)
        if first >= last:
            continue
        if last - first < frame.samples:
            pcm = frame.pcm[SAMPLE_BYTES * first : SAMPLE_BYTES * last]
            frame = AudioFrame(pcm, frame.rate_hz, frame.position + first)
        await _write(sink, frame)
        reached = max(reached, frame.position + frame.samples)
    return reached


async def mark(sink: AudioSink, rate_hz: int, position: int, timeout_s: float | None = None) -> None:
    """Write an empty frame where a recording begins or ends, so that silence up to there is kept."""
    await _write(sink, AudioFrame(b"", rate_hz, position), timeout_s)


async def _write(sink: AudioSink, frame: AudioFrame, timeout_s: float | None = None) -> None:
    await isolated(sink, "write", lambda: sink.write(frame), timeout_s)
