"""Listening: what the callee says, as bounded streams.

A slow reader loses the oldest frames, which are counted; it never holds up the network side or another reader.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from offhook.interfaces.frame import SAMPLE_BYTES, AudioFrame
from offhook.interfaces.stream import BoundedStream
from offhook.plugin.isolation import isolated

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioSink, Resampler


class AudioStream(BoundedStream[AudioFrame]):
    """What one listener gets of the callee's audio.

    Positions count samples at the stream's own rate since our leg joined the channel; where they jump, nothing came.

    Args:
        capacity: frames that may wait.
        resampler: converts from the leg's rate, or None.
        rate_hz: the rate that this stream gives.
        on_drop: called for each frame that is thrown away.
    """

    def __init__(
        self,
        capacity: int,
        resampler: Resampler | None,
        rate_hz: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(capacity, on_drop)
        self.rate_hz = rate_hz
        self.resampler = resampler
        self._expected: int | None = None
        self._given = 0

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
        """The call is over: give what the resampler held back."""
        if self.resampler is not None:
            self._give(self.resampler.flush())

    def _give(self, pcm: bytes) -> None:
        if pcm:
            converted = AudioFrame(pcm, self.rate_hz, self._given)
            self._given += converted.samples
            self.put(converted)


async def record_stream(stream: AudioStream, sink: AudioSink, start: int, end: int | None = None) -> int:
    """Write what a stream holds between two positions to a sink, until the stream ends.

    Returns:
        How far the recording reaches.

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
        await isolated(sink, "write", functools.partial(sink.write, frame))
        reached = max(reached, frame.position + frame.samples)
    return reached


async def mark(sink: AudioSink, rate_hz: int, position: int) -> None:
    """Tell a sink where the recording begins or ends: an empty frame, so that silence up to there is kept."""
    await isolated(sink, "write", lambda: sink.write(AudioFrame(b"", rate_hz, position)))
