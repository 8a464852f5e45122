"""A callee's voice: from the answer on, one frame every 20 ms, of speech, of echo or else of silence.

An answered telephone always sends sound; it is assumed that the bridge does, too, and fills pauses with silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.errors import SourceError
from offhook.interfaces import SAMPLE_BYTES, AudioFrame, frames_in, samples_per_frame
from offhook.media import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from offhook.interfaces import Resampler
    from offhook.plugin import Plugins
    from offhook_mockserver.rooms.pcm_member import PcmMember


#: The longest file that a callee can say, in seconds.
MAX_SPEECH_S: Final = 600
#: Frames of echo that may wait; when there are more, the oldest is dropped.
_MOST_ECHO: Final = frames_in(0.2)


async def load_speech(plugins: Plugins, path: Path, rate_hz: int) -> bytes:
    """The samples of an audio file at `rate_hz` (s16le mono).

    Raises:
        SourceError: the file cannot be read, or is longer than `MAX_SPEECH_S`.
        MissingExtraError, SpecError: no plugin reads audio files.
    """
    source = plugins.source(f"wav:{path}")
    pcm = bytearray()
    resampler: Resampler | None = None
    from_hz = rate_hz
    try:
        while (frame := await source.read()) is not None:
            if frame.rate_hz != from_hz:
                pcm += resampler.flush() if resampler is not None else b""
                from_hz = frame.rate_hz
                resampler = plugins.resampler("file", from_hz, rate_hz) if from_hz != rate_hz else None
            pcm += frame.pcm if resampler is None else resampler.convert(frame.pcm)
            if len(pcm) > MAX_SPEECH_S * rate_hz * SAMPLE_BYTES:
                raise SourceError(f"{path} is longer than {MAX_SPEECH_S} s, which is the limit for a callee")
        if resampler is not None:
            pcm += resampler.flush()
    finally:
        await source.aclose()
    return bytes(pcm)


class Voice:
    """Speaks into a room at the pace of the loop's clock.

    Args:
        member: the member that speaks.
        on_tick: called before each frame, 50 times a second.

    Attributes:
        frames_spoken: frames of speech or echo.
        echo_dropped: frames of echo that were dropped, because too many waited.
    """

    def __init__(self, member: PcmMember, on_tick: Callable[[], None]) -> None:
        self._member = member
        self._on_tick = on_tick
        self._samples = samples_per_frame(member.rate_hz)
        self._silence = bytes(self._samples * SAMPLE_BYTES)
        self._speech = b""
        self._said = 0
        self._done: asyncio.Event | None = None
        self._echo: deque[bytes] = deque()
        self._pacer = Pacer(asyncio.get_running_loop(), self._tick)
        self.frames_spoken: int = 0
        self.echo_dropped: int = 0

    def start(self) -> None:
        """Publish, and send frames from now on."""
        self._member.publish()
        self._pacer.start()

    def stop(self) -> None:
        """Stop sending frames. Idempotent."""
        self._pacer.stop()

    async def say(self, pcm: bytes) -> None:
        """Say these samples; returns when the last frame has been sent."""
        self._speech, self._said, self._done = pcm, 0, asyncio.Event()
        try:
            await self._done.wait()
        finally:
            self._speech, self._done = b"", None

    def echo(self, frame: AudioFrame) -> None:
        """Queue a frame, to be said after the speech and the echo that wait already."""
        if len(self._echo) == _MOST_ECHO:
            self._echo.popleft()
            self.echo_dropped += 1
        self._echo.append(frame.pcm)

    def _tick(self, index: int) -> None:
        self._on_tick()
        self._member.send(AudioFrame(self._next_pcm(), self._member.rate_hz, index * self._samples))

    def _next_pcm(self) -> bytes:
        size = len(self._silence)
        if self._done is not None:
            pcm = self._speech[self._said : self._said + size]
            self._said += size
            if self._said >= len(self._speech):
                self._done.set()
        elif self._echo:
            pcm = self._echo.popleft()[:size]
        else:
            return self._silence
        self.frames_spoken += 1
        return pcm.ljust(size, b"\0")
