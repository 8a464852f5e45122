"""Waits until something has changed, on the loop of the mock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


class Changes:
    """Wakes waits whenever something may have changed; each looks for itself. Used on the loop of the mock."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def note(self) -> None:
        """Wake every wait."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until a condition holds, which is looked at now and after each change."""
        while not true():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)
