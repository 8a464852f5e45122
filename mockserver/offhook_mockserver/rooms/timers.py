"""Timers that may follow a clock which a test moves; by default, those of the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Clock


class Timer(Protocol):
    """A call that is scheduled."""

    def cancel(self) -> None:
        """Cancel the call. Idempotent."""
        ...


@runtime_checkable
class Timers(Protocol):
    """Schedules calls, as event loops do."""

    def call_later(self, delay_s: float, call: Callable[[], object], /) -> Timer:
        """Call `call` after `delay_s`."""
        ...


def timers_of(clock: Clock) -> Timers:
    """Returns the timers of a clock that a test can move, and the running loop for any other clock."""
    return clock if isinstance(clock, Timers) else asyncio.get_running_loop()
