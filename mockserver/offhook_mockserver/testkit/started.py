"""An asyncio application that runs beside a test: on the test's virtual loop, or in real time on a loop of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from offhook.arguments import check_seconds, corrects_arguments
from offhook.errors import CallStateError, WaitTimeout
from offhook.plugin import cut_traceback
from offhook.testing import users_wait, where_task_waits
from offhook.wording import no_attribute
from offhook_mockserver.testkit.machine_clock import asks_machine_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from offhook.testing import UsersWait
    from offhook_mockserver.testkit.bridge import Bridge


_T = TypeVar("_T")

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: What a message about an application that does not end adds in virtual time if it asks these clocks.
VIRTUAL_HINT: Final = (
    "In virtual time, time.monotonic() and time.time() are the machine's and hardly move: an application that measures "
    "time must use asyncio.get_running_loop().time()"
)
#: How many tasks beside that of the application a message names.
_MOST_TASKS: Final = 5
#: With this, the name of each application begins, which is also that of its task.
APPLICATION: Final = "the application "


@corrects_arguments()
class Started(Generic[_T]):
    """What `MockHandle.start` returns: a coroutine that runs.

    Args:
        bridge: reaches the mock's loop.
        name: what messages call it; it begins with `APPLICATION`.
        callees_wait: called on the mock's loop; returns what the callees of the calls that are up wait for, for people.

    Attributes:
        name: what messages call it.
        task: its task, on the loop of the application.
        asked: whether the test has received its result.
    """

    def __init__(self, bridge: Bridge, name: str, callees_wait: Callable[[], Iterable[str]] = tuple) -> None:
        self._bridge = bridge
        self._callees_wait = callees_wait
        self.name: str = name
        self._outcome: concurrent.futures.Future[_T] = concurrent.futures.Future()
        self.task: asyncio.Task[_T]
        self.asked: bool = False

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    def begin(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[object, object, _T],
        when_done: Callable[[], None],
    ) -> None:
        """Start the coroutine on a loop of this thread; `when_done` is called when it has ended."""
        self.task = loop.create_task(coroutine, name=self.name)
        self.task.add_done_callback(lambda task: self._settle(task, when_done))

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._outcome.done()

    @property
    def error(self) -> BaseException | None:
        """What it raised; None while it runs, after a good end, and after a cancellation."""
        done = self._outcome.done() and not self._outcome.cancelled()
        return self._outcome.exception() if done else None

    def result(self, timeout_s: float | None = 60.0) -> _T:
        """Wait for its end, and return what it returned.

        Args:
            timeout_s: how long to wait, in seconds, of virtual time in virtual time; None for no limit.

        Raises:
            WaitTimeout: it still runs.
            CallStateError: an event loop runs on this thread; use `aresult`.
            ConfigError: `timeout_s` is not a number of seconds.
            BaseException: what it raised.
        """
        _check_limit(timeout_s)
        done = self._bridge.wait("started.result", lambda: self._until_done(timeout_s))
        return self._result(done, timeout_s)

    async def aresult(self, timeout_s: float | None = 60.0) -> _T:
        """As `result`, for coroutines."""
        _check_limit(timeout_s)
        done = await self._bridge.awaited(lambda: self._until_done(timeout_s))
        return self._result(done, timeout_s)

    def cancel(self) -> None:
        """Cancel it; it ends soon. Idempotent."""
        loop = self.task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.task.cancel)

    def end(self, timeout_s: float) -> bool:
        """Wait for its end, without asking for its result; returns whether it has ended."""
        return self._bridge.wait("started.end", lambda: self._until_done(timeout_s))

    @property
    def waits_in(self) -> str:
        """Where it waits at the moment, as the end of a sentence; empty if it has ended."""
        place = where_task_waits(self.task)
        return f"it waits in {place}" if place else ""

    @property
    def tasks_wait_in(self) -> list[str]:
        """Where tasks beside it wait in the user's code, a sentence for each; at most 5, and the rest counted."""
        beside = self._tasks_beside()
        lines = [f"a task beside it waits in {wait.text}" for wait in beside[:_MOST_TASKS]]
        return [*lines, f"and {len(beside) - _MOST_TASKS} more"] if len(beside) > _MOST_TASKS else lines

    def _result(self, done: bool, timeout_s: float | None) -> _T:
        """What it returned; on the thread of the test, where an error has no frames of the loop."""
        if not done:
            raise WaitTimeout(self._still_runs(timeout_s))
        self.asked = True
        if self._outcome.cancelled():
            raise CallStateError(f"{self.name} was cancelled, so it has no result")
        if self.error is not None:
            raise cut_traceback(self.error)
        return self._outcome.result()

    def _still_runs(self, timeout_s: float | None) -> str:
        return "\n  ".join(self._still_runs_lines(timeout_s))

    def _still_runs_lines(self, timeout_s: float | None) -> Iterator[str]:
        first = f"{self.name} still runs after timeout_s={timeout_s:g} s"
        yield f"{first}; {self.waits_in}" if self.waits_in else first
        yield from self._bridge.call(lambda: list(self._callees_wait()))
        yield from self.tasks_wait_in
        own = users_wait(self.task)
        waits = (*self._tasks_beside(), *(() if own is None else (own,)))
        if self._bridge.virtual and any(asks_machine_clock(frame) for wait in waits for frame in wait.frames):
            yield VIRTUAL_HINT

    def _tasks_beside(self) -> list[UsersWait]:
        """Where other tasks of its loop wait in the user's code: often those that it has started, and waits for."""
        tasks = asyncio.all_tasks(self.task.get_loop()) - {self.task, _running_task()}
        waits = (users_wait(task) for task in tasks if not task.get_name().startswith(APPLICATION))
        return sorted((wait for wait in waits if wait is not None), key=lambda wait: wait.text)

    async def _until_done(self, timeout_s: float | None) -> bool:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: this wait ended long ago
                loop.call_soon_threadsafe(done.set)

        self._outcome.add_done_callback(wake)
        try:
            async with asyncio.timeout(timeout_s):
                await done.wait()
        except TimeoutError:
            return self.done
        return True

    def _settle(self, task: asyncio.Task[_T], when_done: Callable[[], None]) -> None:
        if task.cancelled():
            self._outcome.cancel()
        elif (error := task.exception()) is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(task.result())
        when_done()


def _running_task() -> asyncio.Task[object] | None:
    """The task that runs on this thread: the test, if it is a coroutine."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _check_limit(timeout_s: object) -> None:
    if timeout_s is not None:
        check_seconds(timeout_s, "timeout_s", zero=True)
