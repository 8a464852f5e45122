"""Measures audio in threads that hold up neither the calls that go on nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
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

    async def run(self, prepare: Callable[[], Callable[[], _T]]) -> _T:
        """Measure when there is a thread for it, and return the result.

        Nothing ends a thread that has begun: if this is cancelled, it still counts until it has ended.

        Args:
            prepare: called on the loop; returns what the thread calls.
        """
        await self._limit.acquire()
        loop = asyncio.get_running_loop()

        def release(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._limit.release)

        try:
            work = prepare()
        except BaseException:
            self._limit.release()
            raise
        # Through the loop, which in virtual time lets no time pass meanwhile.
        return await loop.run_in_executor(_DaemonThread(release), work)


class _DaemonThread(Executor):
    """An executor whose work is dropped when the process ends; the loop's own would be waited for.

    Args:
        ended: called in some thread when the work has ended.
    """

    def __init__(self, ended: Callable[[object], None]) -> None:
        self._ended = ended

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Call a function in a new thread."""
        future: Future[_T] = Future()
        future.add_done_callback(self._ended)

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        try:
            threading.Thread(target=work, name="offhook-mock-measuring", daemon=True).start()
        except RuntimeError:  # the process has as many as it may have
            future.cancel()
            raise
        return future
