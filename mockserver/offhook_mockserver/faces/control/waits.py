"""Requests that wait for something to happen: bounded in number and in time, and ended when the mock stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field
from offhook_mockserver.faces.operations.kinds import number
from offhook_mockserver.faces.operations.request import until_gone

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive

_T = TypeVar("_T")

#: Requests that may wait at once.
MOST_WAITS: Final = 200
#: How long one request may wait; a client that wants more asks again.
MOST_WAIT_S: Final = 60.0
TIMEOUT: Final = Field(
    "timeout_s",
    number(least=0, most=MOST_WAIT_S),
    default=10.0,
    summary="How long to wait, in seconds. Let your HTTP client wait longer.",
)


class Waits:
    """The requests of one mock that wait."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._closed = False

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tasks)

    async def run(self, receive: Receive, work: Coroutine[object, object, _T]) -> _T:
        """Wait for `work`, which is cancelled when the client disconnects.

        Args:
            receive: the ASGI callable of the request.
            work: what to wait for; it limits its own time.

        Raises:
            ControlRefused: too many requests wait, the mock stops, or the client has gone, and reads no answer.
        """
        if self._closed or len(self._tasks) >= MOST_WAITS:
            work.close()
            raise (
                self._stopping()
                if self._closed
                else ControlRefused("busy", f"{MOST_WAITS} requests wait already, which is the limit: let some end")
            )
        task = asyncio.create_task(work)
        gone = asyncio.create_task(until_gone(receive))
        self._tasks.add(task)
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled():
                return task.result()
            raise self._stopping()
        finally:
            self._tasks.discard(task)
            task.cancel()
            gone.cancel()
            await asyncio.wait((task, gone))

    def close(self) -> None:
        """End every wait, and start no more: the mock stops. Idempotent."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    @staticmethod
    def _stopping() -> ControlRefused:
        return ControlRefused("stopping", "this mock is stopping, so that nothing more will happen")
