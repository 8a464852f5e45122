"""What clauses look at: what was raised, what is left behind, what was logged, how long the loop was held."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.interfaces.clock import SystemClock
from offhook.testing.resources import Resources

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator


_T = TypeVar("_T")

#: How often, and how far apart in seconds, what must be gone is looked for.
_LOOKS: Final = 5
_APART_S: Final = 0.02
#: How often something is given a chance to be quick, and what is quick in any case, in seconds.
_TRIES: Final = 3
_LEAST_S: Final = 0.05


async def error_of(work: Awaitable[object]) -> Exception | None:
    """What it raises, or None."""
    try:
        await work
    except Exception as error:
        return error
    return None


def error_in(call: Callable[[], object]) -> Exception | None:
    """The same of a plain function."""
    try:
        call()
    except Exception as error:
        return error
    return None


def shown(error: BaseException | None) -> str:
    """What was raised, for a message."""
    return "nothing was raised" if error is None else f"{type(error).__name__} was raised: {error}"


@contextlib.asynccontextmanager
async def leaves_nothing(what: str) -> AsyncGenerator[None]:
    """After what is inside there are no more tasks and descriptors than before.

    Raises:
        AssertionError: there are.
    """
    before = Resources.now()
    yield
    more: dict[str, int] = {}
    for _ in range(_LOOKS):
        await asyncio.sleep(_APART_S)
        more = Resources.now().more_than(before)
        # A pool of threads is the loop's, and stays for whoever needs it next.
        more.pop("threads", None)
        if not more:
            return
    raise AssertionError(f"{what} left behind: {', '.join(f'{count} {name}' for name, count in more.items())}")


@contextlib.contextmanager
def everything_logged() -> Generator[list[str]]:
    """Collect what is logged inside, by any logger at any level, with its traceback."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root = logging.getLogger()
    handler, level = Collect(logging.NOTSET), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


async def quick_enough(run: Callable[[], Awaitable[tuple[float, float]]]) -> None:
    """Run something that gives how long it took and how long the audio lasts, up to three times: the machine may have
    been busy with something else.

    Raises:
        AssertionError: it never took less.
    """
    took_s = lasts_s = 0.0
    for _ in range(_TRIES):
        took_s, lasts_s = await run()
        if took_s <= max(lasts_s, _LEAST_S):
            return
    raise AssertionError(f"{took_s:.2f} s for {lasts_s:.2f} s of audio")


class Held:
    """Adds up how long awaiting something holds the loop: its own steps, and not the waiting in between."""

    def __init__(self) -> None:
        self.seconds: float = 0.0

    def __call__(self, work: Coroutine[object, object, _T]) -> Awaitable[_T]:
        """What to await instead of `work`."""
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
