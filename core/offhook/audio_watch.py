"""Notices that no audio comes from a callee who should be sending some.

One timer, armed at the last frame's time plus the timeout; frames only note their time, which costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class AudioWatch:
    """Watches one direction.

    Args:
        loop: the event loop, whose clock is the time.
        timeout_s: how long there may be no audio.
        lost: called once when there has been none for so long.
        returned: called once when it is there again.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        lost: Callable[[], None],
        returned: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._lost = lost
        self._returned = returned
        self._since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        #: Whether audio was found missing and has not come back.
        self.missing: bool = False

    def expect(self, expected: bool) -> None:
        """From now on audio should come, or need not. Saying the same again changes nothing."""
        if expected and self._timer is None and not self.missing:
            self._since_s = self._loop.time()
            self._arm()
        elif not expected:
            self.missing = False
            self._stop()

    def heard(self) -> None:
        """A frame came."""
        self._since_s = self._loop.time()
        if self.missing:
            self.missing = False
            self._arm()
            self._returned()

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._since_s + self._timeout_s, self._check)

    def _check(self) -> None:
        if self._loop.time() < self._since_s + self._timeout_s:
            self._arm()
            return
        self._timer = None
        self.missing = True
        self._lost()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
