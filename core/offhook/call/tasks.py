"""The tasks of one call: what they run, and how they end.

There are two kinds. **Steps** are what the session asked for; they are cancelled when the call is over. The **others**
(sources that are read, sinks that are written) have a moment to finish, and are then cancelled. Tasks that ignore their
cancellation are left behind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.plugin.isolation import LET_GO_S, cancel_and_wait, wait_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


#: How long sinks and sources may take to close when the call is over.
CLOSE_TIMEOUT_S: Final = 2.0
#: How long tasks may take to end once they are cancelled: a little longer than a task itself waits for parts that it
#: has cancelled.
_LET_GO_S: Final = 2 * LET_GO_S


class CallTasks:
    """Made with the call.

    Args:
        problem: receives one message for the tasks that missed a deadline.
        mistake: receives the error that a task raised. The error is a mistake of our own, since errors of plugins are
            caught where the plugins are called.
    """

    def __init__(self, problem: Callable[[str], None], mistake: Callable[[Exception], None]) -> None:
        self._problem = problem
        self._mistake = mistake
        self._steps: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()

    def step(self, work: Coroutine[None, None, None]) -> None:
        """Start something that the session asked for."""
        self._begin(work, self._steps, getattr(work, "__qualname__", "a step"))

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """Start a task of the other kind; `name` says what it does, for messages.

        The next `finish` also waits for a task that is started after the end because it has to close a source that was
        opened too late.
        """
        return self._begin(work, self._others, name)

    def cancel_steps(self) -> None:
        """Cancel all steps: the call is over, and they are of no use any more."""
        for task in tuple(self._steps):
            task.cancel()

    async def finish(self) -> None:
        """Wait a moment for the others, then cancel them."""
        if self._others:
            _, stuck = await asyncio.wait(self._others, timeout=CLOSE_TIMEOUT_S)
            if stuck:
                after = f"was not done {CLOSE_TIMEOUT_S:g} s after the end of the call, and was cancelled"
                self._problem(f"a source or a sink {after}: {_names(stuck)}")
            self._leave_behind(await cancel_and_wait(stuck, _LET_GO_S))

    async def abandon(self) -> None:
        """Cancel the remaining tasks, and leave behind those that do not end."""
        for task in self._others:  # still there when `finish` was cut short
            task.cancel()
        self._leave_behind(await wait_cancelled(self._steps | self._others, _LET_GO_S))

    def _begin(self, work: Coroutine[None, None, None], kept: set[asyncio.Task[None]], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._owned(work), name=name)
        kept.add(task)
        task.add_done_callback(kept.discard)
        task.add_done_callback(lambda _: work.close())  # a task that is cancelled before it begins never runs `work`
        return task

    async def _owned(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            self._mistake(error)

    def _leave_behind(self, tasks: set[asyncio.Task[None]]) -> None:
        self._steps -= tasks
        self._others -= tasks
        if tasks:
            self._problem(f"a plugin did not end when it was cancelled, and was left behind: {_names(tasks)}")


def _names(tasks: set[asyncio.Task[None]]) -> str:
    return ", ".join(sorted(task.get_name() for task in tasks))
