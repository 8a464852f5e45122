"""Joining a relay over HTTP, and reading its refusals. Loopback only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from offhook.errors import JoinFailed, TokenRejected, TransportNotSetUp
from offhook.interfaces import is_loopback
from offhook_wire.relay_protocol import (
    JOIN_PATH,
    JOIN_TIMEOUT_S,
    JoinAnswer,
    JoinRequest,
    Refusal,
    RefusalAnswer,
)
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from offhook_aiortc.http import RelayHttp

_TOKEN_REJECTED: Final = "token_rejected"
_REPLACED: Final = "replaced"
#: The codes of refusals that are only temporary: trying again may succeed.
_PASSING: Final = ("busy", "unavailable")


class RefusedForGood(JoinFailed):
    """The relay refused; trying again is useless."""


class PutOut(RefusedForGood):
    """The relay put us out of the channel; `reason` is that of its `Kicked`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def base_url(endpoint: str | None) -> str:
    """Return the URL of a grant's relay.

    Raises:
        TransportNotSetUp: `endpoint` is not a relay on this machine.
    """
    if endpoint is None:
        raise TransportNotSetUp(
            "the transport aiortc joins relays on this machine, not Agora itself: use a transport for Agora,"
            " or set OFFHOOK_RELAY_URL to what `offhook mock` prints"
        )
    if not is_loopback(endpoint) or urlsplit(endpoint).scheme != "http":
        raise TransportNotSetUp(
            f"the transport aiortc joins relays on this machine only, at http://127.0.0.1:PORT, not at {endpoint!r}"
        )
    return endpoint.rstrip("/")


async def ask(http: RelayHttp, base: str, request: JoinRequest) -> JoinAnswer:
    """Ask to join.

    Args:
        http: makes the exchange.
        base: the URL of the relay.
        request: what to ask.

    Raises:
        TokenRejected: the relay refused the token.
        RefusedForGood: it refused for another permanent reason.
        JoinFailed: it refused for a temporary reason, or the answer is not a relay's.
        ProtocolError: the answer is not one of this protocol.
        TimeoutError: the answer was not complete in time.
        OSError: there was no answer.
    """
    answer = await http.exchange("POST", base + JOIN_PATH, timeout_s=JOIN_TIMEOUT_S, document=request.to_json())
    if 200 <= answer.status < 300:
        return JoinAnswer.parse(answer.body)
    refusal = read_refusal(answer.body)
    if refusal is None:
        raise JoinFailed(f"the server at {base} is not a relay: it answered HTTP {answer.status}")
    message = f"the relay at {base} refused channel {request.channel}: {refusal.message}"
    if refusal.code == _TOKEN_REJECTED and refusal.reason is not None:
        raise TokenRejected(message, refusal.reason)
    if refusal.code == _REPLACED:
        raise PutOut(message, refusal.code)
    raise (JoinFailed if refusal.code in _PASSING else RefusedForGood)(message)


def read_refusal(body: bytes) -> Refusal | None:
    """Return the refusal in `body`; None if `body` is not a refusal."""
    try:
        return RefusalAnswer.parse(body).error
    except ProtocolError:
        return None
