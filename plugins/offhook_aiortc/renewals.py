"""Renewals of a token that the relay has not answered yet. It answers them in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ConnectionClosed

from offhook.errors import TransportError
from offhook_wire.relay_protocol import Renew, encode

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from offhook.interfaces import Grant

#: The time limit for the answer to a renewal, in seconds.
RENEWAL_TIMEOUT_S: Final = 5.0
_MAX_PENDING: Final = 8


class Renewals:
    """The pending renewals of one connection."""

    def __init__(self) -> None:
        self._pending: deque[tuple[Grant, asyncio.Future[TransportError | None]]] = deque()

    async def renew(self, websocket: ClientConnection, grant: Grant) -> None:
        """Send the token of `grant` and wait for the answer. A later answer still counts.

        Raises:
            TokenRejected: the relay refused it.
            TransportError: the connection ended, no answer arrived within 5 s, or too many renewals are pending.
        """
        if len(self._pending) >= _MAX_PENDING:
            raise TransportError(f"cannot renew the token: {_MAX_PENDING} renewals wait for the relay's answer already")
        answer: asyncio.Future[TransportError | None] = asyncio.get_running_loop().create_future()
        self._pending.append((grant, answer))
        try:
            async with asyncio.timeout(RENEWAL_TIMEOUT_S):
                await websocket.send(encode(Renew(grant.token)))
                refused = await answer
        except TimeoutError:
            raise TransportError(f"the relay did not answer a renewal within {RENEWAL_TIMEOUT_S:g} s") from None
        except ConnectionClosed:
            raise TransportError("the connection was lost before the relay answered a renewal") from None
        if refused is not None:
            raise refused

    def answered(self, refused: TransportError | None) -> Grant | None:
        """Finish the oldest renewal and return its grant; None if the relay answered without being asked.

        Args:
            refused: what `renew` raises; None if the relay accepted the token.
        """
        if not self._pending:
            return None
        grant, answer = self._pending.popleft()
        if not answer.done():
            answer.set_result(refused)
        return grant

    def end(self, reason: str) -> None:
        """The connection is over: all pending renewals fail."""
        while self.answered(TransportError(f"the relay did not answer a renewal: {reason}")) is not None:
            pass
