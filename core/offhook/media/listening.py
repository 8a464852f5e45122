"""Listening: what the callee says, as bounded streams, and the recordings that are written from them.

A slow reader loses the oldest frames, which are counted; it never holds up the network side or another reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Final, Protocol

from offhook.arguments import check_rate
from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.interfaces.stream import BoundedStream
from offhook.media.rate_converter import clipped_by
from offhook.media.sinks import FunctionSink
from offhook.plugin.isolation import CLOSE_TIMEOUT_S, isolated

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioSink, Resampler


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


def _name(sink: AudioSink) -> object:
    """What errors name: a function is named itself, and not the sink that calls it."""
    return sink.name if isinstance(sink, FunctionSink) else sink


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

    def __init__(
        self,
        capacity: int,
        resampler: Resampler | None,
        rate_hz: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(capacity, on_drop)
        self.rate_hz = check_rate(rate_hz)
        self.resampler = resampler
        self._expected: int | None = None
        self._given = 0
        self._clipped = 0

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame from the leg."""
        if self.resampler is None:
            self.put(frame)
            return
        # The resampler holds a little back, so positions are counted and only re-read from the leg after a pause.
        if frame.position != self._expected:
            self._given = frame.position * self.rate_hz // frame.rate_hz
        self._expected = frame.position + frame.samples
        self._give(self.resampler.convert(frame.pcm))

    def flush(self) -> None:
        """The call is over: yield what the resampler held back."""
        if self.resampler is not None:
            self._give(self.resampler.flush())

    def newly_clipped(self) -> int:
        """How many samples its resampler has clipped since this was called last."""
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


async def record_rest(heard: Heard, stream: AudioStream, sink: AudioSink) -> None:
    """Write the callee's audio to a sink until the call ends, and close the sink.

    Args:
        heard: the media of the call.
        stream: a stream of `heard`, made for this sink.
        sink: what to write to.

    Raises:
        PluginError, StorageError: the sink failed.
    """
    start = heard.position
    try:
        await record_stream(stream, sink, 0 if start < BEGIN_S * heard.rate_hz else start)
        await mark(sink, heard.rate_hz, heard.position)
    except GeneratorExit:  # the loop was closed under the call: nothing can be waited for any more
        raise
    except BaseException:
        await _close(heard, stream, sink)
        raise
    await _close(heard, stream, sink)


async def record_for(heard: Heard, sink: AudioSink, duration_s: float) -> float:
    """Write the callee's audio to a sink for some time, or until the call ends, and close the sink.

    Returns:
        How many seconds were recorded.

    Raises:
        PluginError, StorageError: the sink failed.
    """
    stream, start = heard.listen(None, waiting_ms(sink)), heard.position
    end = start + round(duration_s * heard.rate_hz)
    try:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(duration_s):
                    reached = await record_stream(stream, sink, start, end)
                    end = min(end, max(reached, heard.position))  # the call ended first
        finally:
            heard.forget(stream)
        await mark(sink, heard.rate_hz, end)
    finally:
        await isolated(_name(sink), "aclose", sink.aclose, CLOSE_TIMEOUT_S)
    return (end - start) / heard.rate_hz


async def _close(heard: Heard, stream: AudioStream, sink: AudioSink) -> None:
    heard.forget(stream)
    await isolated(_name(sink), "aclose", sink.aclose, CLOSE_TIMEOUT_S)


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
        await isolated(_name(sink), "write", functools.partial(sink.write, frame))
        reached = max(reached, frame.position + frame.samples)
    return reached


async def mark(sink: AudioSink, rate_hz: int, position: int) -> None:
    """Write an empty frame where a recording begins or ends, so that silence up to there is kept."""
    await isolated(_name(sink), "write", lambda: sink.write(AudioFrame(b"", rate_hz, position)))
