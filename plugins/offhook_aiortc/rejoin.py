"""Rejoining the channel: attempts at growing intervals, until one succeeds or the relay refuses permanently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.errors import JoinFailed, TokenRejected
from offhook_aiortc.relay_client import RefusedForGood
from offhook_wire.peer import PeerFailed
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_wire.backoff import Backoff

_T = TypeVar("_T")

#: The time limit for one attempt, in seconds: ICE repeats its checks less and less often, and a new attempt finds a
#: restored network sooner than an old one.
ATTEMPT_TIMEOUT_S: Final = 2.0


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
        except (JoinFailed, PeerFailed, ProtocolError, OSError):  # TimeoutError is an OSError
            continue
