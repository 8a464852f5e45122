"""Virtual time: an event loop on which an hour passes in the time that its work takes.

It never sleeps: when no callback is ready and no socket has news, it jumps to the next timer. Sockets work when both
ends run on this loop. Work in the loop's own executor holds the clock until it is done; the loop cannot see
other threads, so a test waits for another thread inside `VirtualLoop.hold()`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

from offhook.arguments import check_number, check_seconds, discard, wrong
from offhook.errors import CallStateError
from offhook.testing.quick_turns import QuickTurns
from offhook.testing.waiting_tasks import where_tasks_wait
from offhook.testing.young_objects import rarely_collected

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from concurrent.futures import Executor


_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class NothingScheduledError(RuntimeError):
    """Every task waits for something that can never happen: no timer, no ready socket, and the clock is not held.

    The message names, for each task that waits, the line of the test or the program where it waits.
    """


class VirtualLoop(QuickTurns):
    """An event loop whose `time()` starts at 0 and jumps."""

    def run_forever(self) -> None:
        """As in asyncio, but garbage is looked for less often meanwhile."""
        with rarely_collected():
            super().run_forever()

    @property
    def held(self) -> bool:
        """Whether the clock stands still, because work that the loop cannot see is waited for."""
        return self._held > 0

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
        self._held += 1  # before the executor starts a thread
        try:
            future = super().run_in_executor(executor, func, *args)
        except BaseException:
            self._held -= 1
            raise
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
