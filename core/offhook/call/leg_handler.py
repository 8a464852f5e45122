"""The fence around a leg: what it tells gets in on the event loop, in time and in shape, or not at all.

Native SDKs call back from threads of their own, and some do so after they were let go of. Calls from another thread are
taken over to the loop, so many at once and no more; what comes late is counted; what is no event and no frame is
refused. Each is noted once, by the name of the transport. Nothing is raised into the leg, and no hook is called here.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import fields
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Final, TypeVarTuple, Unpack, get_args

from offhook.interfaces.frame import AudioFrame, frames_in
from offhook.plugin.isolation import contract_error
from offhook.session.events import Direction, LeaveReason, LegEvent, MemberLeft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.records.timeline import Timeline


_Ts = TypeVarTuple("_Ts")

#: Calls from other threads that may wait for the loop: 5 s of audio. One more is dropped and counted.
WAITING: Final = frames_in(5.0)

_EVENTS: Final = frozenset(get_args(LegEvent))
_FIELDS: Final[Mapping[str, type]] = {"uid": int, "direction": Direction, "reason": str}


class SafeLegHandler:
    """What one leg calls; made for one `Transport.join`, on the loop of the call.

    Args:
        name: of the transport, for messages.
        feed: takes the leg's events.
        hear: takes its audio.
        timeline: where it stands what the leg did wrong.
    """

    def __init__(
        self,
        name: str,
        feed: Callable[[LegEvent], None],
        hear: Callable[[int, AudioFrame], None],
        timeline: Timeline,
    ) -> None:
        self._name = name
        self._feed = feed
        self._hear = hear
        self._timeline = timeline
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        #: The leg's own rate; 0, which no frame has, before it has joined and when it has left.
        self._rate_hz = 0
        self._closed = False
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._waiting = 0
        self._dropped = 0

    def open(self, rate_hz: int) -> None:
        """The leg has joined: its audio is wanted."""
        self._rate_hz = rate_hz

    def close(self) -> None:
        """The leg has left, or was given up: nothing gets in any more. Idempotent."""
        self._closed = True
        self._rate_hz = 0

    # ---- what the leg calls

    def on_event(self, event: LegEvent) -> None:
        """See `LegHandler.on_event`."""
        if get_ident() != self._thread:
            self._take_over(self.on_event, event)
        elif self._closed:
            self._late("on_event")
        elif problem := _misfit(event):
            self._refuse("on_event", problem)
        else:
            self._feed(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """See `LegHandler.on_audio`. The usual case comes first, since it comes 50 times a second."""
        if get_ident() != self._thread:
            self._take_over(self.on_audio, uid, frame)  # no lambda: its cells would slow down every frame
        elif type(frame) is AudioFrame and frame.rate_hz == self._rate_hz and type(uid) is int:
            try:
                self._hear(uid, frame)
            except Exception:
                if not self._blames(frame):  # it is a mistake of our own
                    raise
        else:
            self._look(uid, frame)

    # ---- the rare cases

    def _look(self, uid: object, frame: object) -> None:
        """Why a frame is not as most are."""
        if self._closed:
            self._late("on_audio")
        elif not isinstance(frame, AudioFrame):
            self._refuse("on_audio", f"gave {type(frame).__name__}, not an AudioFrame")
        elif type(uid) is not int:
            self._refuse("on_audio", f"gave {type(uid).__name__} for a uid, which is an int")
        elif self._rate_hz and frame.rate_hz != self._rate_hz:
            self._refuse("on_audio", f"gave a frame at {frame.rate_hz} Hz, and the leg's rate_hz is {self._rate_hz}")
        elif self._rate_hz:  # of a class of its own
            try:
                self._hear(uid, frame)
            except Exception:
                if not self._blames(frame):
                    raise

    def _blames(self, frame: AudioFrame) -> bool:
        """Whether a frame that could not be heard is to blame for that; its fields can be set to anything."""
        given = (frame.pcm, frame.position)
        odd = [type(value).__name__ for value, kind in zip(given, (bytes, int), strict=True) if type(value) is not kind]
        if odd or len(frame.pcm) & 1:
            self._refuse("on_audio", f"gave a frame with {' and '.join(odd) or 'half a sample'} in its fields")
            return True
        return False

    def _take_over(self, method: Callable[[Unpack[_Ts]], None], *arguments: *_Ts) -> None:
        """In a thread that is not ours: have the loop do it."""
        thread = threading.current_thread().name
        with self._lock:
            if self._waiting >= WAITING:
                self._dropped += 1
                return
            self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._taken_over, thread, method.__name__, partial(method, *arguments))
        except RuntimeError:  # the loop was closed: nobody is there to be told
            return

    def _taken_over(self, thread: str, method: str, call: Callable[[], None]) -> None:
        with self._lock:
            self._waiting -= 1
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._timeline.count("leg_callbacks_dropped", dropped)
        if not self._closed:
            self._timeline.count("leg_callbacks_from_threads")
            self._remark(
                "thread",
                method,
                f"called from the thread {thread!r}; it was taken over to the event loop, {WAITING} calls at most at "
                "once. Do it yourself, with loop.call_soon_threadsafe",
            )
        call()

    def _late(self, method: str) -> None:
        self._timeline.count("leg_callbacks_late")
        self._remark("late", method, "called after the leg had left, or was given up; it was ignored")

    def _refuse(self, method: str, problem: str) -> None:
        self._timeline.count("leg_callbacks_refused")
        if problem not in self._told and len(self._told) < 8:
            self._told.add(problem)
            self._timeline.problem(self._error(method, problem))

    def _remark(self, kind: str, method: str, problem: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._timeline.remark(self._error(method, problem))

    def _error(self, method: str, problem: str) -> str:
        return contract_error(self._name, method, problem, "LegHandler").message


def _misfit(event: object) -> str:
    """What is wrong with an event; it ends in the journal, which holds plain values."""
    if type(event) not in _EVENTS:
        return f"gave {type(event).__name__}, which is no event of a leg"
    for item in fields(event):  # type: ignore[arg-type]
        wanted = LeaveReason if item.name == "reason" and isinstance(event, MemberLeft) else _FIELDS[item.name]
        given = getattr(event, item.name)
        if type(given) is not wanted:
            return f"gave {type(event).__name__} with {type(given).__name__} for {item.name}, not {wanted.__name__}"
    return ""
