"""From a listener's stream into a sink, in a task of its own, so that a slow disk holds up nobody."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from offhook.audio import SAMPLE_BYTES, AudioFrame
from offhook.isolation import isolated

if TYPE_CHECKING:
    from offhook.interfaces import AudioSink
    from offhook.listening import AudioStream


async def record_stream(stream: AudioStream, sink: AudioSink, start: int, end: int | None = None) -> int:
    """Write what a stream holds between two positions to a sink, until the stream ends.

    Returns:
        How far the recording reaches.

    Raises:
        PluginError, RecordingError: the sink failed.
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
