"""The loop of the asyncio applications that a test starts in real time, in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_T = TypeVar("_T")

#: How long cancelled tasks may take to end.
_END_S: Final = 5.0


class AppThread:
    """An event loop in a thread, until it is closed.

    Attributes:
        loop: the loop.
    """

    def __init__(self) -> None:
        self._ready: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="offhook-test-app", daemon=True)
        self._thread.start()
        self.loop: asyncio.AbstractEventLoop = self._ready.result()
        self._stopping: asyncio.Event

    def call(self, work: Callable[[], _T]) -> _T:
        """Run a plain function on the loop, and return what it returns."""

        async def run() -> _T:
            return work()

        # In a context of its own: that of the test may say that trio runs here.
        return contextvars.Context().run(asyncio.run_coroutine_threadsafe, run(), self.loop).result()

    def tasks(self) -> list[asyncio.Task[object]]:
        """The tasks of the loop, without its own."""
        own: set[asyncio.Task[object] | None] = {self._own}

        def look() -> list[asyncio.Task[object]]:
            return [task for task in asyncio.all_tasks() if task not in own | {asyncio.current_task()}]

        return self.call(look)

    def close(self) -> None:
        """Cancel all tasks, close the loop and end the thread. Idempotent and bounded."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_END_S)

    def _run(self) -> None:
        asyncio.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._own: asyncio.Task[object] | None = asyncio.current_task()
        self._stopping = asyncio.Event()
        self._ready.set_result(asyncio.get_running_loop())
        await self._stopping.wait()
