"""The asyncio applications that a test starts: on its virtual loop, or in real time on a loop in another thread."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.arguments import wrong
from offhook_mockserver.testkit.app_thread import AppThread
from offhook_mockserver.testkit.bridge import VirtualBridge
from offhook_mockserver.testkit.started import Started
from offhook_mockserver.testkit.unretrieved import Unretrieved

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from offhook_mockserver.testkit.bridge import Bridge

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_T = TypeVar("_T")

#: How long an application may take to end when it is cancelled.
_END_S: Final = 5.0


def check_application(coroutine: object, verb: str) -> str:
    """The name of an application.

    Args:
        coroutine: what was passed.
        verb: the method of `MockHandle` that it was passed to.

    Raises:
        ConfigError: it is not a coroutine.
    """
    if not inspect.iscoroutine(coroutine):
        awaited = "await " if verb == "arun" else ""
        raise wrong(f"{verb}()", f"a coroutine, for example {awaited}offhook_mock.{verb}(main())", coroutine)
    return coroutine.__qualname__


class Applications:
    """Starts applications and ends them.

    Args:
        bridge: reaches the mock's loop, which is the applications' own in virtual time.
        when_done: called on the mock's loop when one has ended.

    Attributes:
        started: all of them, in order.
        unretrieved: the exceptions on their loop that nothing retrieved.
    """

    def __init__(self, bridge: Bridge, when_done: Callable[[], None]) -> None:
        self._bridge = bridge
        self._when_done = when_done
        self._thread: AppThread | None = None
        self.started: list[Started[object]] = []
        self.unretrieved: Unretrieved = Unretrieved()
        if isinstance(bridge, VirtualBridge):
            bridge.loop.set_exception_handler(self.unretrieved.note)

    def start(self, coroutine: Coroutine[object, object, _T]) -> Started[_T]:
        """Start one.

        Raises:
            ConfigError: it is not a coroutine.
        """
        started: Started[_T] = Started(self._bridge, f"the application {check_application(coroutine, 'start')}")
        if isinstance(self._bridge, VirtualBridge):
            started.begin(self._bridge.loop, coroutine, self._when_done)
        else:
            self._thread = thread = self._thread or AppThread(self.unretrieved.note)
            thread.call(lambda: started.begin(thread.loop, coroutine, lambda: self._bridge.soon(self._when_done)))
        self.started.append(started)  # type: ignore[arg-type]  # only looked at
        return started

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop for an application that the test does not start itself but has called.

        In virtual time, the test's loop; in real time, the running one, or else that of the started applications.
        """
        if isinstance(self._bridge, VirtualBridge):
            return self._bridge.loop
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            self._thread = self._thread or AppThread(self.unretrieved.note)
            return self._thread.loop

    @property
    def over(self) -> bool:
        """Whether some were started, and all of them have ended."""
        return bool(self.started) and all(started.done for started in self.started)

    def settled(self) -> bool:
        """Whether all of them have ended, or one has raised an error."""
        return all(started.done for started in self.started) or bool(self.failed())

    def failed(self) -> list[Started[object]]:
        """Those that raised an error for which the test did not ask."""
        return [started for started in self.started if started.error is not None and not started.asked]

    def end(self) -> None:
        """Cancel those that run, and wait until they have ended. Bounded."""
        running = [started for started in self.started if not started.done]
        for started in running:
            started.cancel()
        for started in running:
            started.end(_END_S)  # the task of a stubborn one is left over

    def leftover_tasks(self) -> Sequence[asyncio.Task[object]]:
        """The tasks that they have left on their loop; called when they have ended."""
        if isinstance(self._bridge, VirtualBridge):
            return [task for task in asyncio.all_tasks(self._bridge.loop) if not task.done()]
        return [] if self._thread is None else self._thread.tasks()

    def close(self) -> None:
        """End all of them, and their thread. Idempotent and bounded."""
        self.end()
        if self._thread is not None:
            self._thread.close()
            self._thread = None
