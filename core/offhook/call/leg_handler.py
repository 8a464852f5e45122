"""Checks the calls that a leg makes to its handler, and passes the valid ones on, on the event loop of the call.

Native SDKs call back from threads of their own, and some do so after they were released. Calls from another thread are
passed to the event loop, at most `WAITING` at once. Late calls are counted. Malformed events and frames are rejected.
Each kind of problem is noted once, with the name of the transport. Nothing is raised into the leg, and no hook is
called here.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import fields
from functools import partial
from threading import get_ident
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, TypeVarTuple, Unpack, get_args, get_type_hints

from offhook.interfaces.frame import AudioFrame, frames_in
from offhook.plugin.isolation import contract_error
from offhook.session.events import LegEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_Ts = TypeVarTuple("_Ts")

#: Calls from other threads that may wait for the loop: 5 s of audio. One more is dropped and counted.
WAITING: Final = frames_in(5.0)


class SafeLegHandler:
    """The handler that one leg calls; made for one `Transport.join`, on the loop of the call.

    Args:
        name: the transport, for messages.
        feed: takes the leg's events.
        count: adds to a counter of the call.
        problem: takes a sentence about what the leg did wrong.
        remark: takes a sentence about a harmless mistake of the leg.
    """

    __slots__ = (
        "_closed",
        "_count",
        "_dropped",
        "_feed",
        "_hear",
        "_lock",
        "_loop",
        "_name",
        "_noted",
        "_problem",
        "_rate_hz",
        "_remark",
        "_thread",
        "_waiting",
    )

    def __init__(
        self,
        name: str,
        feed: Callable[[LegEvent], None],
        count: Callable[[str, int], None],
        problem: Callable[[str], None],
        remark: Callable[[str], None],
    ) -> None:
        self._name = name
        self._feed = feed
        self._hear: Callable[[int, AudioFrame], None]
        self._count = count
        self._problem = problem
        self._remark = remark
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        #: The leg's own rate; 0, which no frame has, before it has joined and when it has left.
        self._rate_hz = 0
        self._closed = False
        self._noted: set[str] = set()
        self._lock = threading.Lock()
        self._waiting = 0
        self._dropped = 0

    def open(self, rate_hz: int, hear: Callable[[int, AudioFrame], None]) -> None:
        """The leg has joined.

        Args:
            rate_hz: the rate of its frames.
            hear: takes its audio from now on.
        """
        self._rate_hz, self._hear = rate_hz, hear

    def close(self) -> None:
        """The leg has left, or was given up: nothing is let in any more. Idempotent."""
        self._closed = True
        self._rate_hz = 0

    # ---- what the leg calls

    def on_event(self, event: LegEvent) -> None:
        """See `LegHandler.on_event`."""
        if get_ident() != self._thread:
            self._take_over(self.on_event, event)
        elif self._closed:
            self._late("on_event")
        elif problem := _event_problem(event):
            self._reject("on_event", problem)
        else:
            self._feed(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """See `LegHandler.on_audio`. The usual case is first, since it happens 50 times a second."""
        if get_ident() != self._thread:
            self._take_over(self.on_audio, uid, frame)  # no lambda: its cells would slow down every frame
        elif type(frame) is AudioFrame and frame.rate_hz == self._rate_hz and type(uid) is int:
            hear = self._hear  # called as it is, not as a method
            try:
                hear(uid, frame)
            except Exception:
                if not self._is_malformed(frame):  # it is a mistake of our own
                    raise
        else:
            self._look(uid, frame)

    # ---- the rare cases

    def _look(self, uid: object, frame: object) -> None:
        """Find out why a frame is not the usual case; pass it on if it is valid."""
        if self._closed:
            self._late("on_audio")
        elif not isinstance(frame, AudioFrame):
            self._reject("on_audio", f"passed {type(frame).__name__}; expected an AudioFrame")
        elif type(uid) is not int:
            self._reject("on_audio", f"passed {type(uid).__name__} as uid; expected int")
        elif self._rate_hz and frame.rate_hz != self._rate_hz:
            self._reject("on_audio", f"passed a frame at {frame.rate_hz} Hz; the leg's rate_hz is {self._rate_hz}")
        elif self._rate_hz:  # a frame of a subclass of AudioFrame
            try:
                self._hear(uid, frame)
            except Exception:
                if not self._is_malformed(frame):
                    raise

    def _is_malformed(self, frame: AudioFrame) -> bool:
        """Reject a frame that caused an error if its fields are invalid; returns whether it was rejected."""
        given = (frame.pcm, frame.position)
        odd = [type(value).__name__ for value, kind in zip(given, (bytes, int), strict=True) if type(value) is not kind]
        if odd or len(frame.pcm) & 1:
            self._reject("on_audio", f"passed a frame with {' and '.join(odd) or 'half a sample'} in its fields")
            return True
        return False

    def _take_over(self, method: Callable[[Unpack[_Ts]], None], *arguments: *_Ts) -> None:
        """Pass a call that a leg made on another thread to the event loop."""
        thread = threading.current_thread().name
        with self._lock:
            if self._waiting >= WAITING:
                self._dropped += 1
                return
            self._waiting += 1
        try:
            self._loop.call_soon_threadsafe(self._taken_over, thread, method.__name__, partial(method, *arguments))
        except RuntimeError:  # the loop was closed, and the call with it
            return

    def _taken_over(self, thread: str, method: str, call: Callable[[], None]) -> None:
        with self._lock:
            self._waiting -= 1
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._count("leg_callbacks_dropped", dropped)
        if not self._closed:
            self._count("leg_callbacks_from_threads", 1)
            self._remark_once(
                "thread",
                method,
                f"called from the thread {thread!r}; offhook passes such calls to the event loop, at most {WAITING} at "
                "once. Call it on the event loop instead, with loop.call_soon_threadsafe",
            )
        call()

    def _late(self, method: str) -> None:
        self._count("leg_callbacks_late", 1)
        self._remark_once("late", method, "called after the leg had left, or was given up; it was ignored")

    def _reject(self, method: str, problem: str) -> None:
        self._count("leg_callbacks_refused", 1)
        if problem not in self._noted and len(self._noted) < 8:
            self._noted.add(problem)
            self._problem(self._error(method, problem))

    def _remark_once(self, kind: str, method: str, problem: str) -> None:
        if kind not in self._noted:
            self._noted.add(kind)
            self._remark(self._error(method, problem))

    def _error(self, method: str, problem: str) -> str:
        return contract_error(self._name, method, problem, "LegHandler").message


def _event_problem(event: object) -> str:
    """What is wrong with an event, or an empty text; events end up in the journal, which contains plain values."""
    wanted = _EVENTS.get(type(event))
    if wanted is None:
        return f"passed {type(event).__name__}; expected a LegEvent"
    for name, kinds in wanted.items():
        value: object = getattr(event, name)
        given = type(value)
        if given not in kinds:  # exactly: True is not a uid
            expected = " or ".join(kind.__name__ for kind in kinds)
            return f"passed {type(event).__name__} with {given.__name__} for {name}; expected {expected}"
    return ""


def field_types(kind: type[Any]) -> Mapping[str, tuple[type, ...]]:
    """The types that each field of a dataclass may have, from its annotations: one, or the members of a union."""
    hints = get_type_hints(kind)
    return {
        item.name: get_args(hint) if isinstance(hint := hints[item.name], UnionType) else (hint,)
        for item in fields(kind)
    }


#: Every event of a leg, with what its fields must hold.
_EVENTS: Final[Mapping[type, Mapping[str, tuple[type, ...]]]] = {kind: field_types(kind) for kind in get_args(LegEvent)}
