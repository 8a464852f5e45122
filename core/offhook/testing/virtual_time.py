"""Virtual time: an event loop on which an hour passes in the time that its work takes.

Its selector never sleeps: it looks whether a socket is ready and, if none is, jumps to the next timer. Sockets work
when both ends run on this loop. Work in the loop's own executor holds the clock until it is done; what other threads do
cannot be seen, so a test that needs some wraps it in `VirtualLoop.hold()`.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from concurrent.futures import Executor


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class NothingScheduledError(RuntimeError):
    """Every task waits for something that can never come: no timer runs, no socket is ready, nothing is held."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._held = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    @contextlib.contextmanager
    def hold(self) -> Generator[None]:
        """Keep the clock still while something that the loop cannot see is at work."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """As asyncio's, and the clock is held until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._held += 1
        future.add_done_callback(self._let_go)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """As asyncio's, which does it in a thread that the loop cannot see; without a limit, since none would pass."""
        with self.hold():
            await super().shutdown_default_executor()

    def _let_go(self, _: object) -> None:
        self._held -= 1

    def block(self, seconds: float) -> None:
        """Let time pass without a turn of the loop, as code that computes does."""
        self._now_s += seconds

    def jump(self, delay_s: float | None) -> bool:
        """Move the clock to the next timer. False while it is held.

        Raises:
            NothingScheduledError: there is no timer.
        """
        if self._held:
            return False
        if delay_s is None:
            raise NothingScheduledError("every task waits and no timer runs: this test would hang for ever")
        self._now_s += delay_s
        return True


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        return ready if self._loop.jump(timeout) else super().select(timeout)


class LoopClock:
    """A `Clock` that reads the running loop; its wall time starts at `epoch_s`."""

    def __init__(self, epoch_s: float = 1_795_000_000.0) -> None:
        self._epoch_s = epoch_s

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_s(self) -> float:
        return self._epoch_s + asyncio.get_running_loop().time()


def run_virtual(main: Coroutine[object, object, _T]) -> _T:
    """Run a coroutine to its end on a new `VirtualLoop`."""
    factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
