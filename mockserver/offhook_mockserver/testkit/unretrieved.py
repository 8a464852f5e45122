"""The exceptions on the loop of a test's applications that nothing retrieved: of tasks, and of callbacks."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.plugin import line_of
from offhook.secret import redact
from offhook.wording import describe, printable
from offhook_mockserver.testkit.allowances import Leftover

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many are described.
_MOST: Final = 20
#: The generations of objects that a test has made; the collection of all takes as long as many a test.
_YOUNG: Final = 1


class Unretrieved:
    """Collects what an event loop reports to its exception handler."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The exception handler of a loop: keep a description, and log the rest as asyncio does."""
        if len(self._found) < _MOST:
            self._found.append(_described(context))
        loop.default_exception_handler(context)

    def leftovers(self) -> Sequence[Leftover]:
        """What was found until now. asyncio reports a task when it is freed, and it may be part of a cycle."""
        gc.collect(_YOUNG)
        return [Leftover("exceptions", found) for found in self._found]


def _described(context: dict[str, Any]) -> str:
    error: object = context.get("exception")
    where: object = context.get("task") or context.get("future")
    whose = ""
    if isinstance(where, asyncio.Task):
        task = cast("asyncio.Task[object]", where)
        running: object = task.get_coro()
        whose = f", of task {task.get_name()}, running {getattr(running, '__qualname__', running)}"
    text = f"an exception that nothing retrieved ({context.get('message')}{whose})"
    if isinstance(error, BaseException):
        line = line_of(error)
        text += f": {describe(error)}" + (f", at {line}" if line else "")
    return redact(printable(text))
