"""The media of one call: the pacer and the playout towards the callee, the listeners and the recording of both sides.

All positions are samples at the leg's rate since our leg joined the channel, in both directions, so that both sides
are on one timeline. This is the frame path: a frame goes from the leg's handler to `CallMedia.hear`, which processes it
completely. No hook is called on the frame path, and it does not know the session.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_rate
from offhook.errors import OffhookError
from offhook.interfaces.frame import (
    PTIME_MS,
    SILENCE_DBFS,
    AudioFrame,
    level_dbfs,
    samples_per_frame,
    unchecked_frame,
)
from offhook.interfaces.samples import Damage
from offhook.media.damage import DamageLog
from offhook.media.filter_chain import FilterChain
from offhook.media.listening import AudioStream
from offhook.media.pacer import Pacer
from offhook.media.playout import STALL_TIMEOUT_S, Playout
from offhook.plugin.isolation import as_plugin_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Leg
    from offhook.media.playout_queue import Spawn
    from offhook.media.rate_converter import Resample
    from offhook.media.stereo_recorder import StereoRecorder
    from offhook.plugin.isolation import Note


#: A talker's positions follow the RTP clock; if they differ more than this from our clock, the stream started anew.
_RESTART_S = 1.0


#: How long the packets that waited in a socket take to arrive after the process stood still, in seconds.
_BURST_S: Final = 0.5
#: Audio that is this much late arrived in time, in seconds.
_JITTER_S: Final = 0.2
#: The stage that listeners at other rates add.
_HEARD: Final = "conversion of the callee's audio to another rate"


class CallMedia:
    """The media of one call; made when the leg has joined.

    Args:
        leg: where frames go.
        resample: returns a resampler of a kind (``live``, ``file``) between two rates.
        spawn: starts a task that the call owns.
        note: called with each error of a source or the recording.
        lost: called when the leg cannot send any more.
        recorder: takes both directions, or None.
        remark: adds an entry to the timeline, of which it gets the name and the text.
        check_pause: called before a frame of the callee is used; it calls `slept` and `drop_between` if the process
            stood still until now. None where that is not looked at.
        first_audio: called with a member's uid when the first frame of that member arrives, before the frame is used,
            so that this call may set `callee_uid`.
        callee_audio: called for each frame of the callee, with the time of the loop.
        stall_timeout_s: see `Playout`.
    """

    __slots__ = (
        "_anchor",
        "_anchored_uid",
        "_anchors",
        "_base",
        "_callee_audio",
        "_check_pause",
        "_damage",
        "_drop_until_s",
        "_dropped",
        "_dropped_time",
        "_ended",
        "_ended_at",
        "_first_audio",
        "_frame_samples",
        "_held",
        "_joined_at",
        "_last_heard",
        "_last_sent",
        "_leg",
        "_listeners",
        "_loop",
        "_lost",
        "_most_off",
        "_note",
        "_opened",
        "_pacer",
        "_recorded",
        "_recorder",
        "_resample",
        "_talkers",
        "callee_uid",
        "frames_from_others",
        "frames_heard",
        "frames_muted",
        "frames_stale",
        "heard_filters",
        "muted",
        "playout",
        "rate_hz",
        "sent_filters",
    )

    def __init__(
        self,
        leg: Leg,
        resample: Resample,
        spawn: Spawn,
        note: Note,
        lost: Callable[[OffhookError], None],
        recorder: StereoRecorder | None,
        *,
        remark: Callable[[str, str], None],
        check_pause: Callable[[], None] | None,
        first_audio: Callable[[int], None],
        callee_audio: Callable[[float], None],
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._leg = leg
        self.rate_hz: int = leg.rate_hz
        self._resample = resample
        self._note = note
        self._lost = lost
        self._recorder = recorder
        #: The same recorder, kept for its counters after it has been closed or has failed.
        self._recorded = recorder
        self._check_pause = check_pause
        self._first_audio = first_audio
        self._callee_audio = callee_audio
        self._talkers: set[int] = set()
        #: The member that is heard; None until there is one.
        self.callee_uid: int | None = None
        self._joined_at = self._loop.time()
        self._pacer = Pacer(self._loop, self._tick)
        self._frame_samples = samples_per_frame(self.rate_hz)
        #: How far a frame may be from where its position says, in samples.
        self._most_off = _RESTART_S * self.rate_hz
        self._base = 0
        self._anchors: dict[int, int] = {}
        #: The member that was anchored last, and its anchor.
        self._anchored_uid: int | None = None
        self._anchor = 0
        #: Audio of this time, in positions, is dropped until this moment: it waited in a socket.
        self._dropped_time = (0, 0)
        self._drop_until_s = 0.0
        #: Weak, so that a listener can simply be dropped.
        self._listeners: list[weakref.ref[AudioStream]] = []
        self._dropped = 0
        self._ended = False
        self._ended_at: int | None = None
        self._opened = False
        self._held = False
        self._last_sent = b""
        self._last_heard = b""
        self._damage = DamageLog(remark)
        self.playout: Playout = Playout(
            self.rate_hz, resample, spawn, note, self._damage, stall_timeout_s=stall_timeout_s
        )
        self.sent_filters: FilterChain = FilterChain(self.rate_hz, note, self._damage)
        self.heard_filters: FilterChain = FilterChain(self.rate_hz, note, self._damage)
        #: While this is True, playout goes on, but silence is sent instead.
        self.muted: bool = False
        self.frames_muted: int = 0
        self.frames_heard: int = 0
        self.frames_from_others: int = 0
        self.frames_stale: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing will be heard any more."""
        return self._ended

    @property
    def position(self) -> int:
        """Now, in samples since the leg joined; after `end`, when that was."""
        if self._ended_at is not None:
            return self._ended_at
        return round((self._loop.time() - self._joined_at) * self.rate_hz)

    def slept(self, slept_s: float) -> None:
        """The machine slept, and the loop's clock did not count that: positions do."""
        self._joined_at -= slept_s
        if slept_s and self._pacer.running:
            self._pace()

    def drop_between(self, start: int, end: int) -> None:
        """The process stood still between two positions, until now: what the callee said meanwhile is not heard.

        The system keeps the first of the packets that arrive in such a time. Heard in a burst afterwards, they would be
        a mistake: they are too late for a conversation, and out of place in a recording.
        """
        self._dropped_time = (start, end)
        self._drop_until_s = self._loop.time() + _BURST_S

    # ---- towards the callee

    def open(self) -> None:
        """The callee answered: send one frame every 20 ms from now on, silence where nothing is played."""
        self._opened = True
        self._pace()

    def hold(self) -> None:
        """The connection is gone for now: what is queued waits for it to return."""
        self._held = True
        self._pacer.stop()
        self._last_sent = b""

    def resume(self) -> None:
        """The connection is back: go on where `hold` stopped. The positions of frames jump over the gap."""
        self._held = False
        self._pace()

    def _pace(self) -> None:
        if self._opened and not self._held:
            self._pacer.start()
            # Where frame 0 is due; it may have been due a moment before our leg joined.
            self._base = max(0, round((self._pacer.started_at - self._joined_at) * self.rate_hz))

    def close(self) -> None:
        """Stop sending; what is queued is dropped."""
        self._opened = False
        self._pacer.stop()
        self.playout.close()
        self._last_sent = b""

    def clear(self) -> float:
        """Drop everything that was not heard, in playout and in the leg.

        Returns:
            The milliseconds of the item that was playing that were sent and not dropped by the leg.
        """
        played_ms = self.playout.clear()
        # A leg that is not a subclass of `Leg` may lack it.
        flush: Callable[[], float] | None = getattr(self._leg, "flush", None)
        if flush is None or not self._opened:
            return played_ms
        try:
            return max(0.0, played_ms - flush())
        except BaseException as error:
            self._lost(as_plugin_error(self._leg, "flush", error))
            return played_ms

    def _tick(self, index: int) -> None:
        position = self._base + index * self._frame_samples
        pcm = self.playout.take()
        if self.sent_filters.filters:
            pcm = self.sent_filters.apply(pcm, position)
        if self.muted:
            pcm = self.playout.silence
            self.frames_muted += 1
        self._last_sent = pcm
        try:
            self._leg.send(unchecked_frame(pcm, self.rate_hz, position))
        except BaseException as error:  # a leg never raises because of the network: this one is broken
            self._lost(as_plugin_error(self._leg, "send", error))
            return
        if self._recorder is not None:
            self._record(self._recorder.write_left, position, pcm)

    # ---- from the callee

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """A frame arrived from the channel; only frames of the callee are heard. After `end`, all are ignored."""
        if self._ended:
            return
        is_anchored = uid == self._anchored_uid  # the usual case, in which no set or dictionary is looked into
        if not is_anchored and uid not in self._talkers:
            self._talkers.add(uid)
            self._first_audio(uid)
        if uid != self.callee_uid:
            self.frames_from_others += 1
            return
        check_pause, callee_audio = self._check_pause, self._callee_audio  # called as they are, not as methods
        if check_pause is not None:
            check_pause()
        now_s = self._loop.time()
        now = round((now_s - self._joined_at) * self.rate_hz)
        anchor = self._anchor if is_anchored else self._anchors.get(uid)
        if self._drop_until_s and anchor is not None and self._is_stale(anchor + frame.position):
            self.frames_stale += 1
            return
        self.frames_heard += 1
        if anchor is None or abs(anchor + frame.position - now) > self._most_off:
            anchor = self._anchors[uid] = self._anchor = now - frame.position
            self._anchored_uid = uid
        position = anchor + frame.position
        pcm = frame.pcm
        if self.heard_filters.filters:
            pcm = self.heard_filters.apply(pcm, position)
        self._last_heard = pcm
        if self._listeners:
            self._pass_on(AudioFrame(pcm, frame.rate_hz, position))
        if self._recorder is not None:
            self._record(self._recorder.write_right, position, pcm)
        callee_audio(now_s)

    def _pass_on(self, frame: AudioFrame) -> None:
        """Pass a frame of the callee to the listeners."""
        for listener in tuple(self._listeners):
            if (stream := listener()) is None:  # dropped while another one was fed
                continue
            try:
                stream.feed(frame)
            except BaseException as error:
                self._lose(stream, error)
            else:
                if stream.resampler is not None and (clipped := stream.newly_clipped()):
                    self._damage.at(_HEARD, Damage(clipped), "listen at the call's own rate, or add a filter gain:-3")

    def _is_stale(self, position: int) -> bool:
        """Whether a frame is of the time in which the process stood still, or just before it."""
        if self._loop.time() > self._drop_until_s:
            self._drop_until_s = 0.0
            return False
        start, end = self._dropped_time
        return start - _RESTART_S * self.rate_hz < position < end - _JITTER_S * self.rate_hz

    def listen(self, rate_hz: int | None, capacity_ms: int) -> AudioStream:
        """A new listener, for the audio from now on.

        Raises:
            ConfigError: `rate_hz` is not a sampling rate.
        """
        rate_hz = self.rate_hz if rate_hz is None else check_rate(rate_hz)
        resampler = None if rate_hz == self.rate_hz else self._resample("live", self.rate_hz, rate_hz)
        stream = AudioStream(capacity_ms // PTIME_MS, resampler, rate_hz, self._count_drop)
        if self._ended:
            stream.close()
        else:
            self._listeners.append(weakref.ref(stream, self._listeners.remove))
        return stream

    def forget(self, stream: AudioStream) -> None:
        """A listener is gone."""
        stream.close()
        self._listeners[:] = [listener for listener in self._listeners if listener() is not stream]

    def end(self) -> None:
        """The call is over: end the listeners' streams and finish the recording."""
        self.close()
        self._ended = True
        # All recordings of the call reach this place; the last frame that was sent may end a little after now.
        end = max(self.position, self._recorder.frames if self._recorder is not None else 0)
        self._ended_at = end
        for stream in self._streams():
            try:
                stream.flush()
            except BaseException as error:
                self._lose(stream, error)
            stream.close()
        self.sent_filters.close()
        self.heard_filters.close()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.close(end)
            except OffhookError as error:
                self._note(error, "finishing the recording of the call failed")

    def _count_drop(self) -> None:
        self._dropped += 1

    def _streams(self) -> list[AudioStream]:
        return [stream for listener in self._listeners if (stream := listener()) is not None]

    def _lose(self, stream: AudioStream, error: BaseException) -> None:
        """A resampler failed: its own listener loses the rest, and no other is affected."""
        self.forget(stream)
        self._note(as_plugin_error(stream.resampler, "convert", error), "a listener lost the rest of the audio")

    def _record(self, write: Callable[[int, bytes], None], position: int, pcm: bytes) -> None:
        try:
            write(position, pcm)
        except OffhookError as error:  # a full disk costs the recording, not the call
            self._recorder = None
            self._note(error, "the recording of the call ends here")

    # ---- what can be asked

    @property
    def level_sent_dbfs(self) -> float:
        """Level of the last frame that was sent."""
        return level_dbfs(self._last_sent) if self._last_sent else SILENCE_DBFS

    @property
    def level_heard_dbfs(self) -> float:
        """Level of the last frame that was heard."""
        return level_dbfs(self._last_heard) if self._last_heard else SILENCE_DBFS

    def counters(self) -> dict[str, int]:
        """The counters of media so far, including the leg's own and the recording's."""
        counts, recorded = self.playout.counts, self._recorded
        return {
            **self._leg.counters(),
            "frames_heard": self.frames_heard,
            "frames_from_others": self.frames_from_others,
            "frames_stale": self.frames_stale,
            "frames_muted": self.frames_muted,
            "playout_underruns": counts.underruns,
            "frames_skipped": self._pacer.skipped,
            "playout_stalls": counts.stalls,
            "sources_ended": counts.ended,
            "sources_failed": counts.failed,
            "sources_held_back": counts.held_back,
            "sources_resampled": counts.resampled,
            "filters_failed": self.sent_filters.failed + self.heard_filters.failed,
            "frames_dropped_by_listeners": self._dropped,
            **self._damage.counters(),
        } | (
            {}
            if recorded is None
            else {
                "recording_samples_late": recorded.late_samples,
                "recording_samples_stray": recorded.stray_samples,
            }
        )
