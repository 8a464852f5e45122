"""A call as other threads see it: the few verbs that they need, each carried out on the call's event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.arguments import check_instance
from offhook.call.call import Call
from offhook.errors import CallStateError, WaitTimeout
from offhook.interfaces.loops import check_timeout, within
from offhook.media.play_handle import PlayHandle, PlayMode
from offhook.media.push_source import PushSource

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable
    from typing import Literal, NoReturn

    from offhook.interfaces import AudioSource
    from offhook.media.play_handle import PlayoutEnd
    from offhook.media.raw_audio import Chunk
    from offhook.media.sources import Frames
    from offhook.session.record import CallRecord
    from offhook.session.states import CallState


_T = TypeVar("_T")

#: How long the loop may take to carry out a verb that waits for nothing, in seconds.
PROMPT_S: Final = 5.0
#: How often a thread that waits looks whether the loop was closed, in seconds.
LOOK_S: Final = 0.2


class ThreadsafeCall:
    """Controls a call from other threads. It may be made on any thread.

    Args:
        call: the call, which has been entered on its event loop.

    Every method blocks the calling thread until the loop has done the work, or a time limit is reached. A method whose
    limit is reached withdraws its work. Properties can be read anywhere.

    Raises:
        CallStateError: the call was not entered on an event loop.
        ConfigError: `call` is not a `Call`.

    Raises, from every method:
        CallStateError: the call's event loop has stopped for good, or this is its own thread.
        WaitTimeout: the loop did not begin it within `PROMPT_S` (5 s), or it was not done within `timeout_s`.
        OffhookError: what the same method of `Call`, `PlayHandle` or `PushSource` raises.
    """

    def __init__(self, call: Call) -> None:
        check_instance(call, "call", Call, "a Call that was entered")
        if call.loop is None:
            raise CallStateError("ThreadsafeCall needs a call that was entered: async with phone.dial(...) as call")
        self._call = call
        self._loop = call.loop

    # ---- what is known

    @property
    def state(self) -> CallState:
        """The state of the call."""
        return self._call.state

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self._call.over

    @property
    def record(self) -> CallRecord:
        """Everything that is known of the call; see `Call.record`."""
        return self._call.record

    def answered(self, *, timeout_s: float | None = None) -> bool:
        """Wait for the answer, or for the end; see `Call.answered`."""
        return self._waited("answered", timeout_s, lambda: self._call.answered(timeout_s=timeout_s))

    def ended(self, *, timeout_s: float | None = None) -> None:
        """Wait until the call is over; see `Call.ended`."""
        self._waited("ended", timeout_s, lambda: self._call.ended(timeout_s=timeout_s))

    def hang_up(self, *, after: Literal["playout"] | None = None, timeout_s: float | None = None) -> None:
        """End the call and wait until nothing of it is left; see `Call.hang_up`."""
        self._on_loop("hang_up", lambda: self._call.hang_up(after=after, timeout_s=timeout_s))

    # ---- speaking

    def play(
        self,
        what: str | os.PathLike[str] | AudioSource | Frames,
        *,
        rate_hz: int | None = None,
        mode: PlayMode | Literal["queue", "replace", "mix"] = PlayMode.QUEUE,
        gain_db: float = 0.0,
    ) -> PlayHandle:
        """Send audio to the callee; see `Call.play`.

        An iterable is read on the loop, so it must not block: a program that produces audio in a thread plays a
        `PushSource` and passes the audio to `feed`.

        Returns:
            The handle, whose properties can be read anywhere, for `wait` and `cancel`.
        """
        return self._prompt("play", lambda: self._call.play(what, rate_hz=rate_hz, mode=mode, gain_db=gain_db))

    def feed(self, source: PushSource, chunk: Chunk, *, timeout_s: float | None = None) -> None:
        """Write audio into a source that is played, and wait for room; see `PushSource.write`.

        Args:
            source: the source.
            chunk: the audio.
            timeout_s: how long to wait for room at most; None for no limit of its own. The wait ends with the call.
        """
        _check_source(source)
        self._waited("feed", timeout_s, lambda: within("feed", timeout_s, lambda: source.write(chunk)))

    def end(self, source: PushSource) -> None:
        """End a source: what was fed is played, and then its item is done; see `PushSource.end`."""
        _check_source(source)
        self._prompt("end", source.end)

    def wait(self, handle: PlayHandle, *, timeout_s: float | None = None) -> PlayoutEnd:
        """Wait until an item was played, and return how it ended; see `PlayHandle.done`."""
        _check_handle(handle)
        return self._waited("wait", timeout_s, lambda: handle.done(timeout_s=timeout_s))

    def cancel(self, handle: PlayHandle) -> float:
        """Drop the rest of an item, and return the milliseconds that were sent; see `PlayHandle.cancel`."""
        _check_handle(handle)
        return self._prompt("cancel", handle.cancel)

    def clear(self) -> float:
        """Stop playing at once (barge-in), and return the milliseconds that were sent; see `Call.clear`."""
        return self._prompt("clear", self._call.clear)

    def mute(self) -> None:
        """Send silence from the next frame on; see `Call.mute`."""
        self._prompt("mute", self._call.mute)

    def unmute(self) -> None:
        """Send playout again; see `Call.unmute`."""
        self._prompt("unmute", self._call.unmute)

    def __reduce__(self) -> NoReturn:
        raise CallStateError("a ThreadsafeCall cannot be sent to another process: the call lives where it was placed")

    # ---- inside

    def _prompt(self, verb: str, work: Callable[[], _T]) -> _T:
        """Do something that waits for nothing."""

        async def once() -> _T:
            return work()

        return self._on_loop(verb, once)

    def _waited(self, verb: str, timeout_s: float | None, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something that waits, and has the time limit itself; a loop that is blocked notices late that it is up."""
        check_timeout(verb, timeout_s)
        return self._on_loop(verb, work, None if timeout_s is None else timeout_s + PROMPT_S)

    def _on_loop(self, verb: str, work: Callable[[], Awaitable[_T]], limit_s: float | None = None) -> _T:
        """Run `work` on the loop and wait for it here, in slices, since a loop that was closed reports nothing."""
        if _runs_here(self._loop):
            raise CallStateError(
                f"{verb}() of a ThreadsafeCall would block the call's own event loop: use the Call itself here"
            )
        begun = concurrent.futures.Future[None]()  # whose states change in one step, whichever thread is first

        async def on_loop() -> _T:
            if not begun.set_running_or_notify_cancel():
                raise asyncio.CancelledError
            return await work()

        waiting = on_loop()
        try:
            future = asyncio.run_coroutine_threadsafe(waiting, self._loop)
        except RuntimeError:
            waiting.close()
            raise self._gone(verb) from None
        waited_s = stopped_s = 0.0
        while not concurrent.futures.wait([future], LOOK_S).done:
            waited_s += LOOK_S
            stopped_s = 0.0 if self._loop.is_running() else stopped_s + LOOK_S
            if self._loop.is_closed() or stopped_s >= PROMPT_S:
                future.cancel()
                raise self._gone(verb)
            if waited_s >= PROMPT_S and begun.cancel():
                raise WaitTimeout(
                    f"{verb}() was not begun within {PROMPT_S:g} s and was withdrawn: is the event loop of the call "
                    "blocked, or does it wait for this thread?"
                )
            if limit_s is not None and waited_s >= limit_s and future.cancel():
                raise WaitTimeout(f"{verb}() was not done within {limit_s:g} s and was withdrawn")
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise self._gone(verb) from None

    def _gone(self, verb: str) -> CallStateError:
        return CallStateError(f"{verb}() needs the event loop of the call, which has stopped, and the call with it")


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _check_handle(handle: object) -> None:
    check_instance(handle, "handle", PlayHandle, "the PlayHandle that play() returned")


def _check_source(source: object) -> None:
    check_instance(source, "source", PushSource, "a PushSource")
