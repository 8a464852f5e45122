"""Measures audio in threads that hold up neither the calls that go on nor the end of the process."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_P = ParamSpec("_P")

#: Measurements at once, each with a copy of the audio of a call.
_AT_ONCE: Final = 2


class Measuring:
    """The measurements of one mock."""

    def __init__(self) -> None:
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._threads = _DaemonThreads()

    async def run(self, prepare: Callable[[], Callable[[], _T]]) -> _T:
        """Measure when there is a thread for it, and return the result.

        Args:
            prepare: called on the loop; returns what the thread calls.
        """
        async with self._limit:
            return await asyncio.get_running_loop().run_in_executor(self._threads, prepare())


class _DaemonThreads(Executor):
    """An executor whose work is dropped when the process ends; the loop's own would be waited for."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Call a function in a new thread."""
        future: Future[_T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, name="offhook-mock-measuring", daemon=True).start()
        return future
