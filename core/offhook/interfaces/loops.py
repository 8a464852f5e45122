"""The event loop that an object belongs to, and waits on that loop that end in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from offhook.arguments import check_seconds
from offhook.errors import CallStateError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


_T = TypeVar("_T")


class LoopAffinity:
    """The event loop that one object is used on: the one that runs when it is made, or else the first that uses it.

    An object may be used on several loops one after the other. It must not be used on two loops at once, nor from
    another thread than its loop's, because nothing of asyncio is thread-safe.

    Args:
        what: the object, for messages, for example ``this phone``.
    """

    __slots__ = ("_loop", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None
        self.check()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The object's loop; None before it is used on one."""
        return self._loop

    def check(self, *, needs_loop: bool = False) -> None:
        """Make the running loop the object's loop, if a loop runs here and the object has no other that is still open.

        Args:
            needs_loop: reject a caller on whose thread no event loop runs.

        Raises:
            CallStateError: the object's loop is another one, which is still open; or it runs on another thread; or no
                loop runs here, but one is needed.
        """
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # a plain function, which starts nothing
            running = None
        if running is not None and running is self._loop:
            return
        loop = self._loop
        if running is None and needs_loop:
            raise CallStateError(
                f"{self._what} must be used on its event loop, and no loop runs on this thread: use "
                "loop.call_soon_threadsafe(function, *arguments); or, in a program of trio, run the calls with "
                "asyncio.run(...) in a thread of their own"
            )
        if loop is not None and (loop.is_running() if running is None else not loop.is_closed()):
            raise CallStateError(
                f"{self._what} is used on another event loop, which is still open: from another thread, use "
                "a ThreadsafeCall; for another loop, make a phone of its own, or use "
                "asyncio.run_coroutine_threadsafe(coroutine, loop)"
            )
        self._loop = running or loop


def check_timeout(verb: str, timeout_s: float | None) -> None:
    """Check a time limit that a program passed.

    Raises:
        ConfigError: it is neither None nor a finite number of seconds from 0 up.
    """
    if timeout_s is not None:
        check_seconds(timeout_s, f"{verb}(timeout_s)", zero=True)


async def within(verb: str, timeout_s: float | None, wait: Callable[[], Awaitable[_T]]) -> _T:
    """Wait for at most `timeout_s`.

    Args:
        verb: the method that waits, for messages.
        timeout_s: the time limit, or None.
        wait: the wait, which is cancelled when its time is up.

    Raises:
        WaitTimeout: the time was up.
        ConfigError: `timeout_s` is not valid.
    """
    check_timeout(verb, timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            return await wait()
    except TimeoutError:
        raise WaitTimeout(f"{verb}() waited {timeout_s:g} s, as timeout_s says, and nothing was changed") from None
