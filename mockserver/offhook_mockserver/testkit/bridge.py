"""How a test reaches the loop of its mock: in the server's thread, or on a virtual loop of the test's own.

What blocks refuses to run inside an event loop, which it would stop, and names its twin for coroutines.
"""

from __future__ import annotations

import abc
import asyncio
import concurrent.futures
import contextlib
import contextvars
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

import sniffio

from offhook.errors import CallStateError
from offhook.testing import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_T = TypeVar("_T")

#: How long the mock's loop may take to run a plain function.
_CALL_LIMIT_S: Final = 10.0


class Bridge(abc.ABC):
    """The way from a test to the loop of its mock."""

    #: Whether the mock's loop runs in virtual time, on the test's own thread.
    virtual: bool

    @abc.abstractmethod
    def call(self, work: Callable[[], _T]) -> _T:
        """Run a plain function on the mock's loop, and return what it returns or raise what it raises."""

    @abc.abstractmethod
    def soon(self, work: Callable[[], object]) -> None:
        """Run a plain function on the mock's loop soon; from any thread. Nothing happens if the loop is closed."""

    @abc.abstractmethod
    def wait(self, verb: str, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        """Run a coroutine on the mock's loop, and block until it ends.

        Args:
            verb: the method of the test, for messages.
            work: returns the coroutine.

        Raises:
            CallStateError: an event loop runs on this thread.
        """

    @abc.abstractmethod
    async def awaited(self, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        """As `wait`, for coroutines: of asyncio or trio in real time, of the test's own loop in virtual time."""


class RealBridge(Bridge):
    """Reaches a loop that runs in another thread."""

    virtual = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Callable[[], _T]) -> _T:
        if _running_loop() is self._loop:
            return work()
        outcome: concurrent.futures.Future[_T] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(_settle, outcome, work)
        try:
            return outcome.result(_CALL_LIMIT_S)
        except TimeoutError:
            if outcome.done():  # the function's own
                raise
            raise CallStateError(
                f"the mock's event loop did not run for {_CALL_LIMIT_S:g} s: something that the test gave to the mock "
                "blocks it"
            ) from None

    def soon(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def wait(self, verb: str, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        refuse_in_a_loop(verb)
        future = self._submit(work)
        try:
            return future.result()
        finally:
            future.cancel()  # after KeyboardInterrupt, for example; nothing else is left to cancel

    async def awaited(self, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        if _running_loop() is self._loop:
            return await work()
        return await from_thread(self._submit(work))

    def _submit(self, work: Callable[[], Coroutine[object, object, _T]]) -> concurrent.futures.Future[_T]:
        # In a context of its own: that of the test may say that trio runs here.
        return contextvars.Context().run(asyncio.run_coroutine_threadsafe, work(), self._loop)


class VirtualBridge(Bridge):
    """Runs a virtual loop on the test's own thread, whenever the test waits.

    Attributes:
        runner: runs coroutines on the loop.
        loop: the loop.
    """

    virtual = True

    def __init__(self) -> None:
        self.runner: asyncio.Runner = asyncio.Runner(loop_factory=VirtualLoop)
        loop = self.runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop: VirtualLoop = loop
        self._thread = threading.get_ident()

    def call(self, work: Callable[[], _T]) -> _T:
        self._check_thread()
        return work()

    def soon(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(work)

    def wait(self, verb: str, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        self._check_thread()
        refuse_in_a_loop(verb)
        return self.runner.run(work(), context=contextvars.copy_context())

    async def awaited(self, work: Callable[[], Coroutine[object, object, _T]]) -> _T:
        running = _running_loop()
        if running is not self.loop:
            raise CallStateError(
                "this test's mock is in virtual time, on an event loop of its own, and another loop runs here: leave "
                "out the marker of any other plugin for coroutine tests, or use real time"
            )
        return await work()

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise CallStateError(
                "this test's mock is in virtual time, on the thread of the test, and cannot be used from another "
                "thread: remove the marker offhook_virtual, and the test runs in real time"
            )


def refuse_in_a_loop(verb: str) -> None:
    """Refuse to block a thread on which an event loop runs.

    Raises:
        CallStateError: one runs here; the message names the twin of `verb`.
    """
    if _running_loop() is not None or _library():
        owner, _, name = verb.rpartition(".")
        twin = f"{owner}.a{name}" if owner else f"a{name}"
        raise CallStateError(f"{verb}() blocks, and an event loop runs on this thread: write `await {twin}(...)`")


async def from_thread(future: concurrent.futures.Future[_T]) -> _T:
    """Wait for what another thread settles, in asyncio or trio. The future is cancelled if the wait is."""
    if _library() != "trio":
        return await asyncio.wrap_future(future)
    trio = import_module("trio")  # it runs, so it is installed
    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake(_: object) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    future.add_done_callback(wake)
    try:
        await done.wait()
    finally:
        future.cancel()
    return future.result()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _library() -> str:
    """The asynchronous library that runs on this thread; empty if none does."""
    try:
        return sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return ""


def _settle(outcome: concurrent.futures.Future[_T], work: Callable[[], _T]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:
        outcome.set_exception(error)
