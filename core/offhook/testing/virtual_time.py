"""Virtual time: an event loop on which an hour passes in the time that its work takes.

Its selector never sleeps: it checks whether a socket is ready and, if none is, jumps to the next timer. Sockets work
when both ends run on this loop. Work in the loop's own executor holds the clock until it is done; the loop cannot see
other threads, so a test waits for another thread inside `VirtualLoop.hold()`.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import selectors
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, Unpack

from offhook.arguments import check_number, check_seconds, discard, wrong
from offhook.errors import CallStateError
from offhook.testing.waiting_tasks import where_tasks_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from concurrent.futures import Executor
    from contextvars import Context

    from _typeshed import FileDescriptorLike


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: Timers that were cancelled and may wait for their time. When there are more, asyncio decides whether to remove them.
_MOST_CANCELLED: Final = 50


class NothingScheduledError(RuntimeError):
    """Every task waits for something that can never happen: no timer, no ready socket, and the clock is not held.

    The message names, for each task that waits, the line of the test or the program where it waits.
    """


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._held = 0
        #: Whether another thread has passed something to the loop since its descriptors were looked at.
        self.rung: bool = False
        #: Whether signals may do the same, without a word.
        self.has_signals: bool = False
        self._jumping = _JumpingSelector(self)
        super().__init__(self._jumping)

    if TYPE_CHECKING:  # asyncio's own, which its types leave out
        _ready: deque[_Handle]
        _scheduled: list[_Timer]
        _stopping: bool
        _debug: bool
        _timer_cancelled_count: int
        _clock_resolution: float

    def _run_once(self) -> None:
        """One turn of the loop. What happens in it, and in which order, is as in asyncio.

        A call has a hundred turns in a second and needs no system in any of them. So the usual turn is done here:
        nobody has to be asked for news, and the clock jumps to the first timer if nothing is ready.
        """
        ready, scheduled = self._ready, self._scheduled
        unusual = self._debug or self._stopping or self._held or self._timer_cancelled_count > _MOST_CANCELLED
        if unusual or not scheduled or scheduled[0]._cancelled or self._jumping.has_news:
            super()._run_once()  # type: ignore[misc]
            return
        if not ready and (delay_s := scheduled[0]._when - self._now_s) > 0:
            self._now_s += delay_s
        end_s = self._now_s + self._clock_resolution
        while scheduled and scheduled[0]._when < end_s:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def time(self) -> float:
        """Virtual seconds since the loop was created."""
        return self._now_s

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts], context: Context | None = None
    ) -> asyncio.Handle:
        """As in asyncio."""
        self.rung = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[_Ts]], object], *args: Unpack[_Ts]) -> None:
        """As in asyncio."""
        self.has_signals = True
        super().add_signal_handler(sig, callback, *args)

    @contextlib.contextmanager
    def hold(self) -> Generator[None]:
        """Stop the clock during the body, which waits for work that the loop cannot see."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """As in asyncio, but the clock is held until the work is done."""
        future = super().run_in_executor(executor, func, *args)
        self._held += 1
        future.add_done_callback(self._let_go)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As in asyncio, but the clock is held, since the loop cannot see the thread used; `timeout` is ignored."""
        with self.hold():
            await super().shutdown_default_executor()

    def _let_go(self, _: object) -> None:
        self._held -= 1

    def block(self, seconds: float) -> None:
        """Let time pass without a turn of the loop, as long computations do.

        Raises:
            ConfigError: `seconds` is not a number of seconds of at least 0.
        """
        self._now_s += check_seconds(seconds, "seconds", zero=True)

    def jump(self, delay_s: float | None) -> bool:
        """Move the clock to the next timer; returns False while it is held.

        Raises:
            NothingScheduledError: no timer is scheduled.
        """
        if self._held:
            return False
        if delay_s is None:
            raise NothingScheduledError(
                "every task waits and no timer is scheduled: this test would hang for ever. The tasks wait in:\n"
                + "\n".join(f"  {line}" for line in where_tasks_wait(self) or ["(no task: a future is waited for)"])
            )
        self._now_s += delay_s
        return True


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the system only when it may have news: a loop without sockets turns in half the time."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        #: The descriptors that are watched; one is the loop's own, through which other threads wake it.
        self._watched = 0

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._watched += 1
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._watched -= 1
        return key

    @property
    def has_news(self) -> bool:
        """Whether the system may have news."""
        return self._watched > 1 or self._loop.rung or self._loop.has_signals

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        ready: list[tuple[selectors.SelectorKey, int]] = []
        if self.has_news:
            loop.rung = False
            ready = super().select(0)
        if ready or timeout == 0:
            return ready
        return ready if loop.jump(timeout) else super().select(timeout)


class LoopClock:
    """A `Clock` that reads the running loop; its wall time starts at `epoch_s`.

    Raises:
        ConfigError: `epoch_s` is not a number of seconds of at least 0.
    """

    def __init__(self, epoch_s: float = 1_795_000_000.0) -> None:
        self._epoch_s = check_number(epoch_s, "epoch_s", least=0, unit="seconds since 1970")

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_s(self) -> float:
        return self._epoch_s + asyncio.get_running_loop().time()


def run_virtual(main: Coroutine[object, object, _T]) -> _T:
    """Run a coroutine on a new `VirtualLoop` and return its result.

    Raises:
        ConfigError: `main` is not a coroutine.
        CallStateError: an event loop runs here already.
    """
    given: object = main  # programs may pass anything
    if not asyncio.iscoroutine(given):
        raise wrong("main", "a coroutine, for example main()", given)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        discard(given)
        raise CallStateError("run_virtual() starts an event loop, and one runs here: await the coroutine instead")
    factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
