"""Calls of the SDK, made by one thread after the other, and watched for one that hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_R = TypeVar("_R")


class Calls:
    """Makes the calls of one thread.

    Args:
        now: the time.

    Attributes:
        since_s: since when a call has been running; None while none is.
        failed: calls that raised, upstream's sys.exit included.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.since_s: float | None = None
        self.failed: int = 0
        self._now = now

    def make(self, call: Callable[[], _R]) -> _R | None:
        """Make a call; returns None if it raises."""
        self.since_s = self._now()
        try:
            return call()
        except BaseException:  # upstream calls sys.exit; nothing else interrupts a thread of ours
            self.failed += 1
            return None
        finally:
            self.since_s = None

    def hangs(self, limit_s: float) -> bool:
        """Whether a call has been running for longer than this."""
        since_s = self.since_s
        return since_s is not None and self._now() - since_s > limit_s
