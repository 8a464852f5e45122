"""Rejoining the channel: attempts at growing intervals, until one succeeds or the relay refuses permanently."""

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

#: The time limit for one attempt, in seconds: ICE repeats its checks less and less often, and a new attempt finds a
#: restored network sooner than an old one.
ATTEMPT_TIMEOUT_S: Final = 2.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 1.0
#: After a connection that was up for this time, the first attempt is made at once.
_GOOD_S: Final = 5.0


class Backoff:
    """How long to wait before the next attempt.

    Args:
        ids: for jitter of up to a quarter, so that legs that were lost together do not rejoin together.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._next_s = 0.0

    def was_up(self, duration_s: float) -> None:
        """Start over if the lost connection had been up long enough."""
        if duration_s >= _GOOD_S:
            self._next_s = 0.0

    def wait_s(self) -> float:
        """Return the next wait: 0 s at first, then 0.1 s doubling to 1 s, each up to a quarter longer at random."""
        wait_s = self._next_s
        self._next_s = min(_LONGEST_WAIT_S, 2 * wait_s) or _FIRST_WAIT_S
        return wait_s * (1 + self._ids.below(250) / 1000)


async def rejoin(attempt: Callable[[], Awaitable[_T]], backoff: Backoff) -> _T:
    """Call `attempt` until it succeeds. Cancel this to give up.

    Raises:
        TokenRejected: the relay no longer accepts the token.
        RefusedForGood: the channel is gone, or another client has joined as our uid.
    """
    while True:
        await asyncio.sleep(backoff.wait_s())
        try:
            return await attempt()
        except (TokenRejected, RefusedForGood):
            raise
        except (JoinFailed, PeerFailed, ProtocolError, httpx.HTTPError, OSError):  # TimeoutError is an OSError
            continue
