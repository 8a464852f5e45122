"""Cancellation at a chosen suspension of a task, or in a chosen turn of the loop, so that a test can go through all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class CancelAt(Coroutine[Any, Any, Any]):
    """Runs a coroutine and has its task cancelled at given suspensions.

    With `waking`, the cancellation comes when what was waited for is there but has not been seen yet.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any], at: set[int], *, waking: bool) -> None:
        self._inner, self._at, self._waking = inner, at, waking
        self.steps = 0

    def send(self, value: Any) -> Any:
        return self._watch(self._inner.send(value))

    def throw(self, *error: Any) -> Any:
        return self._watch(self._inner.throw(*error))

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        raise NotImplementedError

    def _watch(self, future: Any) -> Any:
        if self.steps in self._at:
            task = asyncio.current_task()
            assert task is not None
            if self._waking and future is not None:
                future.add_done_callback(lambda _: task.cancel())
            else:
                asyncio.get_running_loop().call_soon(task.cancel)
        self.steps += 1
        return future


class CancelInTurn:
    """Cancels a task in given turns of its loop: whatever any other task of the program is doing then, it is cut short.

    Args:
        task: whom to cancel.
        turns: which ones, from 0; those after its end are not counted.
    """

    def __init__(self, task: asyncio.Task[Any], turns: set[int]) -> None:
        self._task, self._at = task, turns
        self.turns = 0
        # Once in each turn the loop asks its selector what is ready.
        self._selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        self._select = self._selector.select
        self._selector.select = self._look
        self._selector.possible = True  # a virtual loop asks only if there may be news

    def _look(self, timeout: float | None = None) -> Any:
        ready = self._select(timeout)
        self._selector.possible = True
        if not self._task.done():
            if self.turns in self._at:
                self._task.cancel()
            self.turns += 1
        return ready
