"""The turns of a virtual loop: what happens in them, and in which order, is as in asyncio, with less work for each.

A call has a hundred turns in a second of its time. In nearly all of them no socket, thread or signal can have news, and
the only work of the loop is to find the next timer. `QuickTurns` recognises these turns, and leaves all others to
asyncio. It is the only place where offhook uses private names of asyncio; `tests/core/testing/test_quick_turns.py`
compares it with asyncio's own loop.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import contextvars
import selectors
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from contextvars import Context

    from _typeshed import FileDescriptorLike


_Ts = TypeVarTuple("_Ts")

#: Timers that were cancelled and wait for their time. When there are more, and they are more than half of all timers,
#: asyncio removes them.
_MOST_CANCELLED: Final = 50
#: Whether handles are made as in Python 3.11 to 3.13. If another version makes them in another way, asyncio does all.
_USUAL_HANDLES: Final = {*asyncio.Handle.__slots__, *asyncio.TimerHandle.__slots__} == set(
    "_callback _args _cancelled _loop _source_traceback _repr __weakref__ _context _scheduled _when".split()
)


class QuickTurns(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while callbacks run, and jumps to the next timer."""

    if TYPE_CHECKING:  # asyncio's own, which its types leave out
        _ready: deque[_Handle | _Timer]
        _scheduled: list[_Due]
        _stopping: bool
        _closed: bool
        _timer_cancelled_count: int
        _clock_resolution: float

        def _check_closed(self) -> None: ...

    def __init__(self) -> None:
        self._now_s = 0.0
        #: How many waits hold the clock.
        self._held: int = 0
        self._news = _NewsSelector(self)
        super().__init__(self._news)

    def set_debug(self, enabled: bool) -> None:
        """As in asyncio, which makes and compares the timers itself in debug mode."""
        super().set_debug(enabled)
        #: Whether the heap has items of ours. Otherwise it has timers, as asyncio's own heap.
        self._quick = _USUAL_HANDLES and not enabled
        timers: list[Any] = [getattr(item, "timer", item) for item in self._scheduled]
        self._scheduled[:] = [_due(timer) for timer in timers] if self._quick else timers
        for index in range(len(self._ready)):  # in a turn of asyncio, items of ours may be among what is called next
            self._ready[index] = getattr(self._ready[index], "timer", self._ready[index])

    def time(self) -> float:
        """Virtual seconds since the loop was created."""
        return self._now_s

    def jump(self, delay_s: float | None) -> bool:
        """Move the clock to the next timer, and return True; return False while the clock is held."""
        raise NotImplementedError

    def call_soon(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As in asyncio."""
        if not self._quick:
            return super().call_soon(callback, *args, context=context)
        if self._closed:
            self._check_closed()
        handle = _new_handle(_Handle)  # without a call of `__init__`, once for each frame that a task waits for
        handle._context = contextvars.copy_context() if context is None else context
        handle._loop = self
        handle._callback = callback
        handle._args = args
        handle._cancelled = False
        handle._repr = None
        handle._source_traceback = None
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Ts]], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in asyncio."""
        if not self._quick:
            return super().call_at(when, callback, *args, context=context)
        self._check_closed()
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, _due(timer))
        return timer

    def call_again(self, timer: asyncio.Handle, when: float) -> bool:
        """Schedule a timer of this loop once more, after its callback was called, or while it is being called.

        This does what `call_at` does with the same callback, without making another timer.

        Returns:
            Whether it is scheduled. False means that `timer` cannot be used again: use `call_at`.
        """
        if type(timer) is not _Timer or timer._scheduled or timer._cancelled or not self._quick:
            return False
        timer._when = when
        timer._scheduled = True
        due = _Due(when)  # as `_due` makes it, without a call
        due.timer = timer
        heappush(self._scheduled, due)
        return True

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As in asyncio."""
        self._news.possible = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: *_Ts) -> None:
        """As in asyncio."""
        self._news.expect_signals()
        super().add_signal_handler(sig, callback, *args)

    def _run_once(self) -> None:
        handle: _Handle | _Timer | None
        stopped = self._stopping  # before this turn, which then must not wait for a timer
        news, ready, scheduled, resolution_s = self._news, self._ready, self._scheduled, self._clock_resolution
        while (  # as many turns as there are in which asyncio has nothing else to do
            not stopped
            and self._quick
            and scheduled
            and not scheduled[0].timer._cancelled
            and not news.possible
            and not self._held
            and ((cancelled := self._timer_cancelled_count) <= _MOST_CANCELLED or 2 * cancelled <= len(scheduled))
        ):
            if not ready and (delay_s := scheduled[0] - self._now_s) > 0:
                self._now_s += delay_s
            end_s = self._now_s + resolution_s
            while scheduled and scheduled[0] < end_s:
                timer = heappop(scheduled).timer
                timer._scheduled = False
                ready.append(timer)
            for _ in range(len(ready)):  # what these callbacks schedule has its turn later
                handle = ready.popleft()
                if handle._cancelled:
                    continue
                try:  # what `Handle._run` does, without a call
                    if handle._args:
                        handle._context.run(handle._callback, *handle._args)
                    else:  # the usual timer, without a list of no arguments
                        handle._context.run(handle._callback)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    message = f"Exception in callback {handle!r}"
                    self.call_exception_handler({"message": message, "exception": error, "handle": handle})
            handle = None  # as in asyncio: nothing is kept alive until the next turn
            if self._stopping:
                return
        super()._run_once()  # type: ignore[misc]


class _Handle(asyncio.Handle):
    """A handle that `call_soon` makes with less work; it is never in debug mode."""

    __slots__ = ()

    if TYPE_CHECKING:  # asyncio's own, which its types leave out
        _context: Context
        _loop: QuickTurns
        _callback: Callable[..., object]
        _repr: str | None
        _source_traceback: object


_new_handle: Final = _Handle.__new__


class _Timer(asyncio.TimerHandle):
    """A timer that is made with less work; it is never in debug mode."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[object, ...],
        loop: QuickTurns,
        context: Context | None,
    ) -> None:
        self._when = when
        self._scheduled = True
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


def _due(timer: _Timer) -> _Due:
    due = _Due(timer.when())
    due.timer = timer
    return due


class _Due(float):
    """When a timer is due, as an item of asyncio's heap, which compares numbers without calling a method.

    It has what the turns of asyncio use of a timer.
    """

    __slots__ = ("timer",)

    if TYPE_CHECKING:
        timer: _Timer

    @property
    def _when(self) -> float:
        return self.timer._when

    @property
    def _cancelled(self) -> bool:
        return self.timer._cancelled

    def _run(self) -> None:
        self.timer._run()

    def _set_scheduled(self, scheduled: bool) -> None:
        self.timer._scheduled = scheduled

    _scheduled = property(None, _set_scheduled)


class _NewsSelector(selectors.DefaultSelector):
    """Asks the system for news only where there may be some; where there is none, the clock jumps.

    Attributes:
        possible: whether the system may have news.
    """

    def __init__(self, loop: QuickTurns) -> None:
        super().__init__()
        self._loop = loop
        #: The descriptors that are watched. One is the loop's own, through which threads and signals wake it.
        self._watched = 0
        self._signals = False
        self.possible: bool = False

    def expect_signals(self) -> None:
        """A signal may wake the loop at any time from now on."""
        self._signals = self.possible = True

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._watch(1)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._watch(-1)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = []
        if self.possible:
            self._watch(0)
            ready = super().select(0)
        if ready or timeout == 0:
            return ready
        return ready if self._loop.jump(timeout) else super().select(timeout)

    def _watch(self, more: int) -> None:
        self._watched += more
        self.possible = self._watched > 1 or self._signals
