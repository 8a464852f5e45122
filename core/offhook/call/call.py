"""The `Call` object that a program uses to speak, to listen and to hang up."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.arguments import check_choice, check_seconds, wrong
from offhook.call.program_notes import MUTED, PLAYOUT_CLEARED, UNMUTED
from offhook.errors import CallStateError, ConfigError, JoinTimeout, SourceError, StartAmbiguous
from offhook.interfaces import AudioFilter, AudioSink, AudioSource
from offhook.interfaces.frame import SILENCE_DBFS
from offhook.interfaces.loops import check_timeout, within
from offhook.media.listening import LISTENER_MS, close_sink, record_for, record_rest, waiting_ms
from offhook.media.mixing import gain_of
from offhook.media.play_handle import PlayMode, label_of
from offhook.media.sinks import FunctionSink, check_sink
from offhook.media.sources import Frames, frames_source
from offhook.plugin.isolation import close_isolated, contract_error, name_of
from offhook.plugin.part_checks import check_part, interface_mismatch
from offhook.plugin.spec import check_file
from offhook.session.events import Direction
from offhook.session.outcome import EndedBy
from offhook.session.states import CallState, LegState
from offhook.wording import quoted

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal, NoReturn, Self

    from offhook.call.driver import Driver
    from offhook.call.parts import PhoneParts
    from offhook.interfaces.stream import BoundedStream
    from offhook.media.call_media import CallMedia
    from offhook.media.listening import AudioStream
    from offhook.media.play_handle import PlayHandle
    from offhook.media.sinks import Sink
    from offhook.session.record import CallRecord, TimelineEntry


#: How long to wait after a playout before leaving, in seconds: buffers on the way to the callee hold that much audio.
TAIL_S = 0.2


class Call:
    """One call. Made by `Phone.dial()`, used as an async context manager.

    Entering it dials, and returns once our leg is in the channel: then the callee's telephone is assumed to ring. It
    also returns, without an error, when the call is declined or hung up before that: then `answered()` returns False,
    and `play()`, `listen()` and the like raise `CallStateError`.
    Leaving it hangs up, whatever happened inside.

    Methods must be called on the call's own event loop; from another thread or loop they raise `CallStateError` before
    they do anything. Properties can be read anywhere. Other threads use a `ThreadsafeCall`.

    Raises, on entering:
        ConfigError, TransportError: the call could not work; nothing has rung.
        DialRefused: the callee is being called already, the phone's limit is reached, or a plugin refused the call.
        CarrierError: the carrier refused the call, or (`StartAmbiguous`) its answer was lost.
        JoinFailed, JoinTimeout: the callee may be ringing, and we are not in the channel.
    """

    def __init__(self, driver: Driver, parts: PhoneParts) -> None:
        self._driver = driver
        self._parts = parts
        self._entered = False

    # ---- its life

    async def __aenter__(self) -> Self:
        driver = self._driver
        self._parts.must_be_ours(needs_loop=True)  # a coroutine may also run under trio
        if self._entered or driver.given_up:
            raise CallStateError("this call was dialled or hung up already: make a new one with phone.dial()")
        self._entered = True
        try:
            request = await self._parts.admission.admit(driver.request, self._parts.check)
        except BaseException:
            driver.give_up()
            raise
        if self.over:  # hung up meanwhile
            await driver.release_admission()
            raise CallStateError("this call was hung up before it was dialled: nothing has rung")
        driver.start(request)
        try:
            await driver.until(lambda: self.state not in (CallState.IDLE, CallState.DIALING))
        except BaseException:
            driver.hang_up()
            await driver.closed()
            raise
        if driver.mistake is not None:
            await driver.closed()  # raises it
        outcome = self.record.outcome
        if outcome is None or driver.media is not None or outcome.ended_by in (EndedBy.CALLER, EndedBy.CALLEE):
            return self  # a webhook may report that the callee declined before we were in the channel
        await driver.closed()
        if driver.error is not None:
            raise driver.error
        limit = f"within {request.policy.setup_timeout_s:g} s"
        if self.record.accepted_at_s is None:
            raise StartAmbiguous(
                f"the carrier did not answer {limit}: the callee may have been rung; do not dial again"
            )
        raise JoinTimeout(f"the call was accepted but the channel could not be joined {limit}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Hang up, whatever happened inside. The error that the body raised is the one that leaves ``async with``."""
        try:
            self._parts.must_be_ours()
        except CallStateError as misuse:
            if error is None:
                raise
            self._driver.timeline.warn(misuse.message)
            return
        await self._driver.end_quietly()

    async def answered(self, *, timeout_s: float | None = None) -> bool:
        """Wait for the answer, or for the end. A call that went badly raises no error: its record shows how it went.

        The policy's `setup_timeout_s` and `ring_timeout_s` limit the wait.

        Args:
            timeout_s: how long to wait at most; None for no limit of its own. The call goes on after that.

        Returns:
            Whether the call was answered. If not, it may have ended before our leg joined: then there is no audio, and
            `play()`, `listen()` and the like raise `CallStateError`.

        Raises:
            WaitTimeout: neither happened within `timeout_s`.
            ConfigError: `timeout_s` is not a finite number of seconds from 0 up.
            CallStateError: the call was not entered, or lives on another event loop.
        """
        self._must_be_entered("answered")
        waiting = (CallState.IDLE, CallState.DIALING, CallState.RINGING)
        await within("answered", timeout_s, lambda: self._driver.until(lambda: self.over or self.state not in waiting))
        return self.record.answered_at_s is not None

    async def ended(self, *, timeout_s: float | None = None) -> None:
        """Wait until the call is over and nothing of it is left. The policy's timers limit the wait.

        Args:
            timeout_s: how long to wait for the end at most; None for no limit of its own. The call goes on after that.
                Releasing a call that is over takes its own limited time, see `Phone.aclose`.

        Raises:
            WaitTimeout: the call was not over within `timeout_s`.
            ConfigError: `timeout_s` is not a finite number of seconds from 0 up.
            CallStateError: the call was not entered, or lives on another event loop.
        """
        self._must_be_entered("ended")
        await within("ended", timeout_s, lambda: self._driver.until(lambda: self.over))
        await self._driver.closed()

    async def hang_up(self, *, after: Literal["playout"] | None = None, timeout_s: float | None = None) -> None:
        """End the call and wait until nothing of it is left. Idempotent and bounded.

        Args:
            after: ``"playout"`` waits first until everything that is queued or mixed in has been sent, and 200 ms more,
                so that the last word is not cut. An item whose source stalls, which means that it yields no audio for
                the policy's `stall_timeout_s`, is dropped as failed, and the items behind it are still sent.
            timeout_s: how long to wait for the playout at most; None for no limit of its own. What has not been sent
                by then ends as `PlayoutEnd.CALL_ENDED`.

        Raises:
            ConfigError: `after` or `timeout_s` is not valid.
            CallStateError: the call lives on another event loop.
        """
        self._parts.must_be_ours()
        check_timeout("hang_up", timeout_s)
        if after is not None and after != "playout":
            raise wrong("after", "'playout' or None", after)
        if after is None and timeout_s is not None:
            raise ConfigError("hang_up(timeout_s=...) limits the wait for the playout: pass after='playout' as well")
        media = self._driver.media
        if after == "playout" and media is not None and self.state is CallState.ACTIVE:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await media.playout.drained()
                await asyncio.sleep(TAIL_S)
        await self._driver.end()

    def __reduce__(self) -> NoReturn:
        raise CallStateError("a Call cannot be sent to another process: it lives where it was placed")

    # ---- what is known

    @property
    def state(self) -> CallState:
        """The state of the call."""
        return self._driver.state

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the call and its phone are used on; None before they are used on one."""
        return self._parts.affinity.loop

    @property
    def over(self) -> bool:
        """Whether the call has ended, or was given up before it was dialled."""
        return self._driver.given_up or self.state is CallState.ENDED

    @property
    def settled(self) -> bool:
        """Deprecated, and removed in the next version: use `over`, or await `ended()`.

        True when nothing of the call is left, as when `ended()` returns.
        """
        warnings.warn(
            "Call.settled is of the last version of offhook: use Call.over, or await Call.ended(). The next version "
            "ends the old form",
            DeprecationWarning,
            stacklevel=2,
        )
        return self._driver.settled

    @property
    def leg_state(self) -> LegState:
        """The state of our connection to the channel."""
        return self._driver.leg_state

    @property
    def record(self) -> CallRecord:
        """Everything that is known of the call: it grows while the call lasts, and is final when `ended` returns."""
        return self._driver.record

    @property
    def callee_present(self) -> bool:
        """Whether the callee is in the channel. After the answer, False means that the callee dropped."""
        return self._driver.callee_present

    def events(self) -> BoundedStream[TimelineEntry]:
        """The timeline from now on, until the call has ended. A slow reader loses the oldest, which are counted.

        `TimelineEntry.event` is one of the names that docs/how-to/long-calls.md lists, for example ``GrantExpiring``.
        """
        self._parts.must_be_ours()
        return self._driver.timeline.stream()

    @property
    def level_sent_dbfs(self) -> float:
        """Level of the audio that is sent to the callee, in dB relative to full scale."""
        return self._driver.media.level_sent_dbfs if self._driver.media else SILENCE_DBFS

    @property
    def level_heard_dbfs(self) -> float:
        """Level of the audio that is heard from the callee, in dB relative to full scale."""
        return self._driver.media.level_heard_dbfs if self._driver.media else SILENCE_DBFS

    # ---- speaking

    def play(
        self,
        what: str | os.PathLike[str] | AudioSource | Frames,
        *,
        rate_hz: int | None = None,
        mode: PlayMode | Literal["queue", "replace", "mix"] = PlayMode.QUEUE,
        gain_db: float = 0.0,
    ) -> PlayHandle:
        """Send audio to the callee. Nothing is sent before the answer.

        Args:
            what: a spec (``wav:greeting.wav``), the path of an audio file (`pathlib.Path`), a source that was opened
                with `Phone.source`, a `PushSource`, an `AudioFrame`, raw audio, or an iterable or async iterable of
                frames or raw audio, which is only asked for more when there is room. Raw audio is bytes of signed
                16-bit little-endian samples, or an array of int16 or of floats between -1 and 1, of the shape
                (samples,) or (samples, channels). Channels are mixed down; an odd byte at the end of bytes is completed
                by the next ones.
            rate_hz: the rate of raw audio, in hertz.
            mode: what happens to the audio that is playing. ``queue``: it continues, and the new audio follows
                everything that was queued before, without a gap. ``replace``: everything that is playing, queued or
                mixed in ends now, as `PlayoutEnd.REPLACED`; the next frame is of the new audio, or silent until that
                has been read. ``mix``: the audio that is playing continues, and the new audio is added to it from the
                next frame on, clipped to 16 bits, and ends by itself; at most 4 items are mixed in at once.
            gain_db: gain of this item, -60 to 20 dB; clipped to 16 bits.

        Raises:
            ConfigError: `what` cannot be played, or is raw audio without `rate_hz`; a spec is unknown, or what it names
                cannot be opened; a source was played before; or the rate, the mode or the gain is not valid.
            CallStateError: 4 items are mixed in already.
        """
        media = self._media("play", needs_loop=True)
        mode = check_choice(mode, "mode", PlayMode)
        gain = gain_of(gain_db)
        media.playout.admit(mode)  # before a file is opened
        source = self._source(what, rate_hz)
        source.taken = True
        return media.playout.add(source, mode, gain, label_of(what))

    def _source(self, what: str | os.PathLike[str] | AudioSource | Frames, rate_hz: int | None) -> AudioSource:
        if not isinstance(what, str | os.PathLike | AudioSource):
            return frames_source(what, rate_hz)
        if rate_hz is not None:
            shown = quoted(what) if isinstance(what, str) else type(what).__name__
            raise ConfigError(f"play(rate_hz=...) is the rate of raw audio, and {shown} has its own: leave it out")
        if isinstance(what, AudioSource):
            return _checked(what)
        return self._parts.plugins.source(what)

    def clear(self) -> float:
        """Stop playing at once and drop what is queued or mixed in (barge-in).

        Returns:
            How many milliseconds of the item that was playing had been sent, without what the transport still had in
            its queue and dropped as well. For a mixed item, ask its handle. The timeline notes it as
            ``PlayoutCleared``; clears that follow within a second are counted in one further entry.
        """
        media = self._media("clear")
        playing = media.playout.playing
        sent_ms = media.clear()
        detail = f"{sent_ms:.0f} ms had been sent" if playing else "nothing was playing"
        self._driver.program.add(PLAYOUT_CLEARED, detail, {"sent_ms": round(sent_ms, 3)})
        return sent_ms

    def mute(self) -> None:
        """Send silence from the next frame on. Playout continues unheard: positions advance and handles end."""
        self._set_muted(self._media("mute"), muted=True)

    def unmute(self) -> None:
        """Send playout again, from where it is now."""
        self._set_muted(self._media("unmute"), muted=False)

    def _set_muted(self, media: CallMedia, *, muted: bool) -> None:
        if media.muted is not muted:
            media.muted = muted
            self._driver.program.add(MUTED if muted else UNMUTED)

    @property
    def muted(self) -> bool:
        """Whether silence is sent in place of playout."""
        return self._driver.media is not None and self._driver.media.muted

    @property
    def gain_db(self) -> float:
        """Gain of everything that is sent, after mixing, from the next frame on; -60 to 20 dB, clipped to 16 bits.

        Setting it raises `ConfigError` for any other number, and `CallStateError` for a call that was not entered.
        """
        return self._driver.media.playout.gain_db if self._driver.media else 0.0

    @gain_db.setter
    def gain_db(self, gain_db: float) -> None:
        self._media("gain_db", "").playout.gain_db = gain_db

    def add_filter(self, what: str | AudioFilter, *, direction: Literal["sent", "heard"] = "sent") -> AudioFilter:
        """Have a filter change all audio sent or heard from the next frame on, after the filters added before it.

        Filters of sent audio come after mixing and the call's gain, and before muting. Recordings contain our audio as
        it was sent, and the callee's audio as listeners receive it. A filter that fails is removed and noted, and the
        call goes on.

        Args:
            what: a spec (``limit:-3``), or a filter of your own, which can be added once.
            direction: ``sent`` or ``heard``.

        Returns:
            The filter, for `remove_filter`.

        Raises:
            ConfigError: `what` is neither a spec nor a filter; a spec is unknown, or has a bad argument; or the
                direction is not valid.
            CallStateError: the filter was added to a call before.
            PluginError: the filter has async methods that must be plain.
        """
        self._parts.must_be_ours()
        given: object = what  # programs may pass anything
        if not isinstance(given, str):
            wanted = "a spec such as 'limit:-3', or an AudioFilter"
            guess = "Derive a class from offhook.AudioFilter whose apply() calls it" if inspect.isroutine(given) else ""
            check_part(given, AudioFilter, "add_filter()", wanted, guess)
        way = check_choice(direction, "direction", Direction)
        media = self._media("add_filter")
        made = self._parts.plugins.filter(what, media.rate_hz) if isinstance(what, str) else what
        (media.sent_filters if way is Direction.SENT else media.heard_filters).add(made)
        return made

    def remove_filter(self, audio_filter: AudioFilter) -> bool:
        """Remove a filter from the next frame on, and close it.

        Returns:
            Whether it was in use; False also when it failed and was removed before.

        Raises:
            ConfigError: it is not a filter.
        """
        self._parts.must_be_ours()
        guess = "Pass the filter that add_filter() returned for this spec" if isinstance(audio_filter, str) else ""
        check_part(audio_filter, AudioFilter, "remove_filter()", guess=guess)
        media = self._media("remove_filter")
        return media.sent_filters.remove(audio_filter) or media.heard_filters.remove(audio_filter)

    @property
    def queued_ms(self) -> float:
        """Audio of the queue that was read from its source and not sent yet, in milliseconds."""
        return self._driver.media.playout.queued_ms if self._driver.media else 0.0

    # ---- listening

    def audio(self, rate_hz: int | None = None) -> AudioStream:
        """The callee's audio from now on, as an async iterator of frames that ends with the call.

        Args:
            rate_hz: the rate to convert to; the leg's own by default.

        A frame's position counts samples at that rate since our leg joined the channel (`record.joined_at_s`). All
        streams and recordings of a call start there, so that they fit together.

        Raises:
            ConfigError: `rate_hz` is not a whole number from 1 to 768,000.
        """
        return self._media("audio").listen(rate_hz, LISTENER_MS)

    def listen(self, sink: str | os.PathLike[str] | Sink) -> None:
        """Send the callee's audio into a sink, from now until the call has ended.

        A function is called once for each frame, in a task of its own, and awaited if it is async. At most 2 s of audio
        wait for it; if it is slower, the oldest frames are dropped and counted in the record
        (`frames_dropped_by_listeners`). A plain function runs on the event loop, so it must not block.

        A sink or function that fails is noted in the record and called no more, and the call goes on. After the call's
        end, nothing is opened and nothing is called; a sink that was passed is closed.

        Args:
            sink: a spec (``recorder:heard.wav``), the path of a WAV file to make (``Path("heard.wav")``), a sink that
                was opened with `Phone.sink` or is your own, or a function of one `AudioFrame`.

        Raises:
            ConfigError: `sink` is none of these, or a spec or a path cannot be used.
            StorageError: the file cannot be made.
            PluginError: the sink is an `AudioSink` with plain methods that must be async.
        """
        self._parts.must_be_ours(needs_loop=True)
        check_sink(sink, "listen()", "a spec such as 'recorder:heard.wav', a pathlib.Path")
        media = self._media("listen")
        if self._is_ending(media):
            if isinstance(sink, AudioSink):
                self._driver.spawn(close_sink(sink, self._driver.note), name=f"closing {name_of(sink)}")
            return
        opened = self._sink(sink)
        stream = media.listen(None, waiting_ms(opened))
        self._driver.spawn(self._listen(media, stream, opened), name=f"listening with {name_of(opened)}")

    async def record_for(self, duration_s: float, file: str | os.PathLike[str] | Sink) -> float:
        """Record the callee for some time, or until the call ends.

        After the call's end, no file is made.

        Args:
            duration_s: how long.
            file: the WAV file to make, a sink that was opened with `Phone.sink` or is your own, or a function of one
                `AudioFrame`, as for `listen`.

        Returns:
            How many seconds were recorded.

        Raises:
            ConfigError: `duration_s` is not a positive, finite number of seconds, or `file` is none of these.
            StorageError: the recording cannot be written.
            PluginError: the sink or the function failed.
        """
        self._parts.must_be_ours()
        duration_s = check_seconds(duration_s, "duration_s")
        check_sink(file, "record_for()", "a file's name or path")
        if isinstance(file, str):
            file = Path(check_file(file, "record_for()", (item.name for item in self._parts.plugins.sinks)))
        media = self._media("record_for")
        if self._is_ending(media):
            if isinstance(file, AudioSink):
                await close_isolated(file)
            return 0.0
        return await record_for(media, self._sink(file), duration_s)

    # ---- inside

    def _is_ending(self, media: CallMedia) -> bool:
        """Whether nothing more will be heard, so that nothing is opened to listen."""
        return media.ended or self.state in (CallState.ENDING, CallState.ENDED)

    def _sink(self, what: str | os.PathLike[str] | Sink) -> AudioSink:
        """A sink that `check_sink` let pass, opened."""
        if isinstance(what, AudioSink):
            return what
        return FunctionSink(what) if callable(what) else self._parts.plugins.sink(what)

    async def _listen(self, media: CallMedia, stream: AudioStream, sink: AudioSink) -> None:
        """Write the callee's audio to a sink until the call ends. If the sink fails, note it; the call goes on."""
        try:
            await record_rest(media, stream, sink, self._driver.note)
        except asyncio.CancelledError:  # some time after the end of the call: it is too slow, and loses what waits
            self._driver.timeline.count("frames_dropped_by_listeners", stream.discard())
            raise

    def _must_be_entered(self, verb: str) -> None:
        self._parts.must_be_ours()
        if not self._entered and not self.over:
            raise CallStateError(f"{verb}() needs a call that was entered: async with phone.dial(...) as call")

    def _media(self, verb: str, brackets: str = "()", *, needs_loop: bool = False) -> CallMedia:
        self._parts.must_be_ours(needs_loop=needs_loop)
        if self._driver.media is None:
            if self._entered and (self.over or self.state is CallState.ENDING):
                how = f" ({self.record.disposition})" if self.record.disposition else ""
                raise CallStateError(
                    f"{verb}{brackets} needs our leg in the channel, and this call ended{how} before it joined: ask "
                    "`await call.answered()` first"
                )
            raise CallStateError(f"{verb}{brackets} needs a call that was entered: async with phone.dial(...) as call")
        return self._driver.media


def _checked(what: AudioSource) -> AudioSource:
    """A source that a program passed, which must be complete and not played before."""
    problem = interface_mismatch(what, AudioSource)
    if problem:
        raise contract_error(what, "play", problem, "AudioSource")
    if what.taken:
        raise SourceError(f"this {type(what).__name__} was played already, and a source plays only once: open it again")
    return what
