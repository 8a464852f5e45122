"""Coming back into the channel: attempts at growing intervals, until one works or the relay refuses for good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from offhook.errors import JoinFailed, TokenRejected
from offhook_aiortc.relay_client import RefusedForGood
from offhook_wire.peer import PeerFailed
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces import Ids

_T = TypeVar("_T")

#: How long one attempt may take, in seconds: ICE's own checks are repeated more and more seldom, so that a path which
#: is there again is found sooner by a fresh attempt.
ATTEMPT_TIMEOUT_S: Final = 2.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 1.0
#: A connection that was up for so long was a good one: the next loss begins with an attempt at once.
_GOOD_S: Final = 5.0


class Backoff:
    """How long to wait before the next attempt.

    Args:
        ids: for jitter of up to a quarter, so that legs that were lost together do not come back together.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._next_s = 0.0

    def was_up(self, duration_s: float) -> None:
        """The connection that was lost had been up for so long."""
        if duration_s >= _GOOD_S:
            self._next_s = 0.0

    def wait_s(self) -> float:
        """The next wait: none, then 0.1 s doubling to 1 s."""
        wait_s = self._next_s
        self._next_s = min(_LONGEST_WAIT_S, 2 * wait_s) or _FIRST_WAIT_S
        return wait_s * (1 + self._ids.below(250) / 1000)


async def rejoin(attempt: Callable[[], Awaitable[_T]], backoff: Backoff) -> _T:
    """Attempt until it works. Cancel it to give up.

    Raises:
        TokenRejected: the relay does not take the token any more.
        RefusedForGood: the channel is gone, or somebody else has our place.
    """
    while True:
        await asyncio.sleep(backoff.wait_s())
        try:
            return await attempt()
        except (TokenRejected, RefusedForGood):
            raise
        except (JoinFailed, PeerFailed, ProtocolError, httpx.HTTPError, OSError):  # TimeoutError is an OSError
            continue
