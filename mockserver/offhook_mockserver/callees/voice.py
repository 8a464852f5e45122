"""A callee's voice: from the answer on, one frame every 20 ms, of speech, of echo or else of silence.

An answered telephone always sends sound; it is assumed that the bridge does, too, and fills pauses with silence.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import deque
from operator import add
from typing import TYPE_CHECKING, Final

from offhook.errors import SourceError
from offhook.interfaces import (
    SAMPLE_BYTES,
    AudioFrame,
    Ids,
    frames_in,
    pcm_of,
    samples_of,
    samples_per_frame,
    saturated,
)
from offhook.media import Pacer
from offhook_mockserver.callees.speech import MAX_SPEECH_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Resampler
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.kept_audio import Track
    from offhook_mockserver.callees.speech import Speech
    from offhook_mockserver.rooms.pcm_member import PcmMember


#: Frames of echo that may wait; when there are more, the oldest is dropped.
_MOST_ECHO: Final = frames_in(0.2)
#: Other tasks run after so much of a speech was read, since a source that makes its audio itself never waits.
_READ_AT_ONCE: Final = frames_in(10.0)


async def load_speech(plugins: Plugins, speech: Speech, rate_hz: int) -> bytes:
    """The samples of a speech at `rate_hz` (s16le mono).

    Raises:
        SourceError: the file cannot be read, or is longer than `MAX_SPEECH_S`.
        MissingExtraError, SpecError: no plugin makes the source.
    """
    source = plugins.source(speech.spec)
    pcm = bytearray()
    resampler: Resampler | None = None
    from_hz = rate_hz
    most_s = MAX_SPEECH_S if speech.duration_s is None else min(speech.duration_s, MAX_SPEECH_S)
    most = int(most_s * rate_hz) * SAMPLE_BYTES
    frames = 0
    try:
        while len(pcm) <= most and (frame := await source.read()) is not None:
            frames += 1
            if frames % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)
            if frame.rate_hz != from_hz:
                pcm += resampler.flush() if resampler is not None else b""
                from_hz = frame.rate_hz
                resampler = plugins.resampler("file", from_hz, rate_hz) if from_hz != rate_hz else None
            pcm += frame.pcm if resampler is None else resampler.convert(frame.pcm)
        if resampler is not None:
            pcm += resampler.flush()
    finally:
        await source.aclose()
    if len(pcm) > most and (speech.duration_s is None or speech.duration_s > MAX_SPEECH_S):
        shown = speech.path if speech.path is not None else speech.spec
        raise SourceError(f"{shown} is longer than {MAX_SPEECH_S} s, which is the limit for a callee")
    return bytes(pcm[:most])


def beep(rate_hz: int) -> bytes:
    """The beep of a voicemail: 0.4 s of 1,000 Hz."""
    count = rate_hz * 2 // 5
    return pcm_of(array("h", (round(8_000 * math.sin(2 * math.pi * 1_000 * n / rate_hz)) for n in range(count))))


def noise(level_dbfs: float, rate_hz: int) -> bytes:
    """A second of noise, the same for each call, to be repeated."""
    most = round(32767 * 10 ** (level_dbfs / 20) * math.sqrt(3))  # an even distribution has the power of most²/3
    below = Ids("noise").below
    return pcm_of(saturated([below(2 * most + 1) - most for _ in range(rate_hz)]))


class Voice:
    """Speaks into a room at the pace of the loop's clock.

    Args:
        member: the member that speaks.
        on_tick: called before each frame, 50 times a second.
        track: where what is sent is kept, or None.

    Attributes:
        frames_spoken: frames of speech or echo.
        echo_dropped: frames of echo that were dropped, because too many waited.
    """

    __slots__ = (
        "_done",
        "_echo",
        "_echo_delay",
        "_index",
        "_member",
        "_noise",
        "_on_tick",
        "_pacer",
        "_said",
        "_samples",
        "_silence",
        "_speech",
        "_track",
        "echo_dropped",
        "frames_spoken",
    )

    def __init__(self, member: PcmMember, on_tick: Callable[[], None], track: Track | None = None) -> None:
        self._member = member
        self._on_tick = on_tick
        self._track = track
        self._samples = samples_per_frame(member.rate_hz)
        self._silence = bytes(self._samples * SAMPLE_BYTES)
        self._speech = b""
        self._said = 0
        self._done: asyncio.Event | None = None
        #: Frames of echo, each with the index of the frame in which it may be sent.
        self._echo: deque[tuple[int, bytes]] = deque()
        self._echo_delay = 0
        self._noise = b""
        self._index = 0
        self._pacer = Pacer(asyncio.get_running_loop(), self._tick)
        self.frames_spoken: int = 0
        self.echo_dropped: int = 0

    @property
    def frames_skipped(self) -> int:
        """Frames that were never sent, because the mock's loop was late."""
        return self._pacer.skipped

    def start(self) -> None:
        """Publish, and send frames from now on."""
        # First of the two that may be due together: the caller's pacer starts when it hears of the publication.
        self._pacer.start()
        self._member.publish()

    def stop(self) -> None:
        """Stop sending frames. Idempotent."""
        self._pacer.stop()

    def move(self, member: PcmMember) -> None:
        """Speak through another member, of the same rate."""
        self._member = member

    async def say(self, pcm: bytes) -> None:
        """Say these samples; returns when the last frame has been sent."""
        self._speech, self._said, self._done = pcm, 0, asyncio.Event()
        try:
            await self._done.wait()
        finally:
            self._speech, self._done = b"", None

    def echo(self, frame: AudioFrame) -> None:
        """Queue a frame, to be said after the speech and the echo that wait already."""
        if len(self._echo) == _MOST_ECHO + self._echo_delay:
            self._echo.popleft()
            self.echo_dropped += 1
        self._echo.append((self._index + self._echo_delay, frame.pcm))

    def delay_echo(self, delay_s: float) -> None:
        """Say the echo that is queued from now on `delay_s` later."""
        self._echo_delay = frames_in(delay_s)

    def make_noise(self, level_dbfs: float) -> None:
        """Add noise to every frame from now on."""
        self._noise = noise(level_dbfs, self._member.rate_hz)

    def _tick(self, index: int) -> None:
        on_tick, member = self._on_tick, self._member  # called as it is, not as a method
        on_tick()
        self._index = index
        pcm = self._next_pcm(index)
        if self._noise:
            pcm = self._with_noise(pcm, index)
        if not member.published:  # muted, on hold or away: time passes, and nothing is sent
            return
        position = index * self._samples
        member.send(AudioFrame(pcm, member.rate_hz, position))
        if self._track is not None and pcm is not self._silence:
            self._track.add(position, pcm)

    def _next_pcm(self, index: int) -> bytes:
        size = len(self._silence)
        if self._done is not None:
            pcm = self._speech[self._said : self._said + size]
            self._said += size
            if self._said >= len(self._speech):
                self._done.set()
        elif self._echo and self._echo[0][0] <= index:
            pcm = self._echo.popleft()[1][:size]
        else:
            return self._silence
        self.frames_spoken += 1
        return pcm.ljust(size, b"\0")

    def _with_noise(self, pcm: bytes, index: int) -> bytes:
        size = len(pcm)
        at = index * size % len(self._noise)
        noise_pcm = (self._noise + self._noise[:size])[at : at + size]
        return pcm_of(saturated(list(map(add, samples_of(pcm), samples_of(noise_pcm)))))
