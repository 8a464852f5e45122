"""From a listener's stream into a sink, in a task of its own, so that a slow disk holds up nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.audio import AudioFrame
from offhook.isolation import isolated

if TYPE_CHECKING:
    from offhook.interfaces import AudioSink
    from offhook.listening import AudioStream


async def record_stream(stream: AudioStream, sink: AudioSink, start: int) -> None:
    """Write a stream to a sink until it ends. `start` is the position where the recording begins.

    Raises:
        PluginError, RecordingError: the sink failed.
    """
    await mark(sink, stream.rate_hz, start)
    async for frame in stream:
        early = start - frame.position  # a frame that was on its way when the recording began
        if early >= frame.samples:
            continue
        if early > 0:
            frame = AudioFrame(frame.pcm[2 * early :], frame.rate_hz, start)
        await isolated(sink, "write", sink.write(frame))


async def mark(sink: AudioSink, rate_hz: int, position: int) -> None:
    """Tell a sink where the recording begins or ends: an empty frame, so that silence up to there is kept."""
    await isolated(sink, "write", sink.write(AudioFrame(b"", rate_hz, position)))
