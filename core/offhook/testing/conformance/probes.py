"""Probes for clauses: errors raised, resources left behind, time for which the loop was blocked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.interfaces.clock import SystemClock
from offhook.testing.resources import Resources

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator


_T = TypeVar("_T")

#: How often, and at what interval, resources are counted until they are gone.
_LOOKS: Final = 5
_LOOK_INTERVAL_S: Final = 0.02
#: The number of attempts at being quick enough, and the duration that is always quick enough.
_TRIES: Final = 3
_LEAST_S: Final = 0.05


async def error_of(work: Awaitable[object]) -> Exception | None:
    """Return the exception that `work` raises, or None."""
    try:
        await work
    except Exception as error:
        return error
    return None


async def ending_of(task: Awaitable[object]) -> BaseException | None:
    """Wait for a task and return what it raised, a cancellation as well, or None."""
    try:
        await task
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


def error_in(call: Callable[[], object]) -> Exception | None:
    """Return the exception that `call` raises, or None."""
    try:
        call()
    except Exception as error:
        return error
    return None


def shown(error: BaseException | None) -> str:
    """Describe what was raised, for a message."""
    return "nothing was raised" if error is None else f"{type(error).__name__} was raised: {error}"


@contextlib.asynccontextmanager
async def leaves_nothing(what: str) -> AsyncGenerator[None]:
    """Check that the body leaves no more tasks and descriptors than there were before.

    Args:
        what: names the cause in the message of a failure.

    Raises:
        AssertionError: there are more.
    """
    before = Resources.now()
    yield
    more: dict[str, int] = {}
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_INTERVAL_S)
        more = Resources.now().more_than(before)
        # A thread pool belongs to the loop and stays.
        more.pop("threads", None)
        if not more:
            return
    raise AssertionError(f"{what} left behind: {', '.join(f'{count} {name}' for name, count in more.items())}")


async def quick_enough(run: Callable[[], Awaitable[tuple[float, float]]]) -> None:
    """Check that audio is processed faster than it lasts; tried three times, since the machine may have been busy.

    Args:
        run: returns how long it took and how long the audio lasts, both in seconds.

    Raises:
        AssertionError: processing took longer than the audio lasts, each time.
    """
    took_s = lasts_s = 0.0
    for _ in range(_TRIES):
        took_s, lasts_s = await run()
        if took_s <= max(lasts_s, _LEAST_S):
            return
    raise AssertionError(f"it took {took_s:.2f} s for {lasts_s:.2f} s of audio")


class Held:
    """Adds up how long an awaitable blocks the loop: its own steps, without the waiting between them."""

    def __init__(self) -> None:
        self.seconds: float = 0.0

    def __call__(self, work: Coroutine[object, object, _T]) -> Awaitable[_T]:
        """Return what to await instead of `work`."""
        return _Stepped(work, self)


class _Stepped(Awaitable[_T]):
    def __init__(self, work: Coroutine[object, object, _T], held: Held) -> None:
        self._work = work
        self._held = held

    def __await__(self) -> Generator[object, None, _T]:
        clock = SystemClock()
        while True:
            began_s = clock.monotonic_s()
            try:
                waits_for = self._work.send(None)
            except StopIteration as end:
                result: _T = end.value
                return result
            finally:
                self._held.seconds += clock.monotonic_s() - began_s
            yield waits_for
