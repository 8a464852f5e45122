"""A callee's ear: the caller's audio, on one timeline that begins with the answer, and its recording."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from offhook.errors import OffhookError
from offhook.interfaces import SAMPLE_BYTES, AudioFrame, frames_in
from offhook.media import SpeechDetector, SpeechStarted, SpeechStopped
from offhook.secret import redact
from offhook_mockserver.callees.sounds import TURN_PAUSE_MS

if TYPE_CHECKING:
    from offhook.interfaces import AudioSink
    from offhook.media import SpeechChange


class Tap(Protocol):
    """Something that takes what the ear hears, on its timeline."""

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame."""
        ...

    def gap(self, start: int, end: int) -> None:
        """Nothing came between two positions."""
        ...


_log = logging.getLogger(__name__)

#: Speech counts after this much loud audio without a break.
_SPEECH_MS: Final = 60
#: Audio may arrive this late, so time without audio counts as quiet only when it is this long ago.
_LATENESS_MS: Final = 200
#: A talker whose positions differ from the clock by more than this has started anew.
_MOST_DRIFT_MS: Final = 1000
#: Audio may be ahead of the clock by this, after a caller whose first frame was late; the recording of a call is never
#: longer than the call by more.
_MOST_AHEAD_MS: Final = 2000
#: Frames that may wait for the recording.
_MOST_WAITING: Final = frames_in(10.0)
_CLOSE_TIMEOUT_S: Final = 0.5


class CalleeEar:
    """Takes the caller's frames.

    Args:
        rate_hz: their rate.
        sink: where they are recorded, or None.

    Attributes:
        first_audio_s: seconds from the answer to the caller's first frame; None before it.
        frames_heard: frames taken.
        gap_samples: samples that the caller's positions skipped: lost, or never sent.
        frames_too_fast: frames dropped because more audio came than time passed.
        frames_unrecorded: frames that the recording could not take.
        spoken: set when the caller has spoken since `forget_turn`: when 60 ms of speech have come after it. What came
            before it does not count, also where the same speech goes on.
        paused: set when the caller has spoken since then, and then been quiet for `TURN_PAUSE_MS`.
        taps: what takes each frame as well; only while something needs it.
        deaf: whether what comes is not listened to, as on hold.
        spoke: whether the caller has spoken since `forget`, likewise.
    """

    __slots__ = (
        "_answered_at_s",
        "_detector",
        "_expected",
        "_lateness",
        "_loop",
        "_most_ahead",
        "_most_drift",
        "_offset",
        "_queue",
        "_rate_hz",
        "_recording",
        "_since",
        "_talker",
        "_turn_since",
        "deaf",
        "first_audio_s",
        "frames_heard",
        "frames_too_fast",
        "frames_unrecorded",
        "gap_samples",
        "paused",
        "spoke",
        "spoken",
        "taps",
    )

    def __init__(self, rate_hz: int, sink: AudioSink | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._rate_hz = rate_hz
        self._answered_at_s = self._loop.time()
        self._detector = SpeechDetector(rate_hz, start_ms=_SPEECH_MS, hang_ms=TURN_PAUSE_MS)
        self._lateness, self._most_drift, self._most_ahead = (
            limit_ms * rate_hz // 1000 for limit_ms in (_LATENESS_MS, _MOST_DRIFT_MS, _MOST_AHEAD_MS)
        )
        #: A talker's position plus this offset is the position on the timeline; None before the first frame.
        self._offset: int | None = None
        self._expected = 0
        #: Where `spoke` begins to count, and where `spoken` does.
        self._since = self._turn_since = 0
        self._talker: int | None = None
        self._queue: asyncio.Queue[AudioFrame | None] = asyncio.Queue(_MOST_WAITING)
        self._recording = None if sink is None else asyncio.create_task(self._record(sink))
        self.first_audio_s: float | None = None
        self.frames_heard: int = 0
        self.gap_samples: int = 0
        self.frames_too_fast: int = 0
        self.frames_unrecorded: int = 0
        self.spoken: asyncio.Event = asyncio.Event()
        self.paused: asyncio.Event = asyncio.Event()
        self.taps: tuple[Tap, ...] = ()
        self.deaf: bool = False
        self.spoke: bool = False

    @property
    def now(self) -> int:
        """The present moment on the timeline, as a position."""
        return self._now()

    @property
    def hears_speech(self) -> bool:
        """Whether the caller speaks at this moment, pauses within speech excepted."""
        is_fresh = (self._now() - self._expected) * 1000 <= _SPEECH_MS * self._rate_hz
        return self._detector.speaking and self._detector.loud_ms > 0 and is_fresh

    def forget(self) -> None:
        """From now on, `spoke`, `spoken` and `paused` are about what is heard from now on."""
        self.spoke = False
        self.forget_turn()
        self._since = self._turn_since

    def forget_turn(self) -> None:
        """From now on, `spoken` and `paused` are about what is heard from now on."""
        self.spoken.clear()
        self.paused.clear()
        self._turn_since = self._now()

    def return_to_room(self) -> None:
        """Note that the callee was away from the room until now: nothing that it missed counts as a gap."""
        self._expected = max(self._expected, self._now())
        self._offset = None

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Take a frame; its position counts from the talker's first sample."""
        now = int((self._loop.time() - self._answered_at_s) * self._rate_hz)  # as `_now`, without a call
        offset = self._offset
        if offset is None or uid != self._talker:
            offset = self._anchor(uid, frame, now)
        position = frame.position + offset
        if abs(position - now) > self._most_drift or position < self._expected:
            position = frame.position + self._anchor(uid, frame, now)
        if position > now + self._most_ahead:
            self.frames_too_fast += 1
            return
        if self.first_audio_s is None:
            self.first_audio_s = self._loop.time() - self._answered_at_s
        elif position > self._expected:
            self._miss(position)
        self._expected = position + len(frame.pcm) // SAMPLE_BYTES
        self.frames_heard += 1
        if self.deaf:
            return
        if (change := self._detector.feed(frame, position)) is not None:
            self._note(change)
        if not self.spoken.is_set() and self._detector.speaking:
            self._look_for_speech()
        if self._recording is None and not self.taps:
            return
        placed = AudioFrame(frame.pcm, frame.rate_hz, position)
        if self._recording is not None:
            self._put(placed)
        for tap in self.taps:
            tap.feed(placed)

    def tick(self) -> None:
        """Called 50 times a second, with or without audio."""
        position = int((self._loop.time() - self._answered_at_s) * self._rate_hz) - self._lateness
        if position > self._expected and (change := self._detector.advance(position)) is not None:
            self._note(change)

    async def aclose(self) -> None:
        """Extend the recording to the present moment, and finish it. Bounded."""
        if self._recording is None:
            return
        recording, self._recording = self._recording, None
        if self._now() > self._expected:
            self._put(AudioFrame(b"", self._rate_hz, self._now()))
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._queue.put(None)
                await recording
        except TimeoutError:
            _log.warning("the callee's recording was not finished within %g s", _CLOSE_TIMEOUT_S)
            recording.cancel()
            await asyncio.wait((recording,))

    def _now(self) -> int:
        return int((self._loop.time() - self._answered_at_s) * self._rate_hz)

    def _miss(self, position: int) -> None:
        """Note that nothing came before `position`."""
        self.gap_samples += position - self._expected
        if not self.deaf:
            for tap in self.taps:
                tap.gap(self._expected, position)

    def _anchor(self, uid: int, frame: AudioFrame, now: int) -> int:
        self._talker = uid
        self._offset = max(now - frame.samples, self._expected) - frame.position
        return self._offset

    def _note(self, change: SpeechChange) -> None:
        match change:
            case SpeechStarted():
                self.paused.clear()
            case SpeechStopped():
                if self.spoken.is_set():
                    self.paused.set()

    def _look_for_speech(self) -> None:
        """Note speech once enough of it has come since `forget` and since `forget_turn`.

        The detector still counts a pause as speech, and so does not say whether the caller has spoken since then.
        """
        loud_ms = self._detector.loud_ms
        if loud_ms >= _SPEECH_MS <= (self._expected - self._since) * 1000 / self._rate_hz:
            self.spoke = True
        if loud_ms >= _SPEECH_MS <= (self._expected - self._turn_since) * 1000 / self._rate_hz:
            self.spoken.set()

    def _put(self, frame: AudioFrame) -> None:
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.frames_unrecorded += 1

    async def _record(self, sink: AudioSink) -> None:
        try:
            # An empty frame at the start makes the silence before the caller's first word part of the file.
            await sink.write(AudioFrame(b"", self._rate_hz, 0))
            while (frame := await self._queue.get()) is not None:
                await sink.write(frame)
        except Exception as error:  # sinks are plugins: an error of one ends the recording, and nothing else
            _log.warning("the callee's recording ends early: %s", _describe(error))
            while await self._queue.get() is not None:
                self.frames_unrecorded += 1
        finally:
            try:
                await sink.aclose()
            except Exception as error:
                _log.warning("the callee's recording could not be finished: %s", _describe(error))


def _describe(error: Exception) -> str:
    return error.message if isinstance(error, OffhookError) else f"{type(error).__name__}: {redact(str(error))}"
