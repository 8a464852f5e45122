"""The asyncio applications that a test starts: on its virtual loop, or in real time on a loop in another thread."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.arguments import wrong
from offhook_mockserver.testkit.app_thread import AppThread
from offhook_mockserver.testkit.bridge import VirtualBridge
from offhook_mockserver.testkit.started import Started

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from offhook_mockserver.testkit.bridge import Bridge

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_T = TypeVar("_T")

#: How long an application may take to end when it is cancelled.
_END_S: Final = 5.0


class Applications:
    """Starts applications and ends them.

    Args:
        bridge: reaches the mock's loop, which is the applications' own in virtual time.
        when_done: called on the mock's loop when one has ended.

    Attributes:
        started: all of them, in order.
    """

    def __init__(self, bridge: Bridge, when_done: Callable[[], None]) -> None:
        self._bridge = bridge
        self._when_done = when_done
        self._thread: AppThread | None = None
        self.started: list[Started[object]] = []

    def start(self, coroutine: Coroutine[object, object, _T]) -> Started[_T]:
        """Start one.

        Raises:
            ConfigError: it is not a coroutine.
        """
        given: object = coroutine  # programs may pass anything
        if not inspect.iscoroutine(given):
            raise wrong("start()", "a coroutine, for example offhook_mock.start(main())", given)
        started: Started[_T] = Started(self._bridge, f"the application {given.__qualname__}")
        if isinstance(self._bridge, VirtualBridge):
            started.begin(self._bridge.loop, coroutine, self._when_done)
        else:
            self._thread = thread = self._thread or AppThread()
            thread.call(lambda: started.begin(thread.loop, coroutine, lambda: self._bridge.soon(self._when_done)))
        self.started.append(started)  # type: ignore[arg-type]  # only looked at
        return started

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
