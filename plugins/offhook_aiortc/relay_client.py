"""What a leg asks a relay over HTTP: whether it is there, and to be let in. Loopback only."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

import httpx

from offhook.errors import JoinFailed, TokenRejected, TransportUnavailable
from offhook.interfaces import is_loopback
from offhook_wire.relay_protocol import (
    JOIN_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    JoinAnswer,
    JoinRequest,
    Refusal,
    RefusalAnswer,
)
from offhook_wire.strict_json import ProtocolError

_TOKEN_REJECTED: Final = "token_rejected"
_REPLACED: Final = "replaced"
#: Refusals that may be over a moment later.
_PASSING: Final = ("busy", "unavailable")


class RefusedForGood(JoinFailed):
    """Asking again is of no use."""


class PutOut(RefusedForGood):
    """The relay says that we are out of the channel; `reason` as in its `Kicked`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def base_url(endpoint: str | None) -> str:
    """Where the relay of a grant is.

    Raises:
        TransportUnavailable: that is not a relay on this machine.
    """
    if endpoint is None:
        raise TransportUnavailable(
            "the transport aiortc joins relays on this machine, not Agora itself: use a transport for Agora,"
            " or set OFFHOOK_RELAY_URL to what `offhook mock` prints"
        )
    if not is_loopback(endpoint) or urlsplit(endpoint).scheme != "http":
        raise TransportUnavailable(
            f"the transport aiortc joins relays on this machine only, at http://127.0.0.1:PORT, not at {endpoint!r}"
        )
    return endpoint.rstrip("/")


def client() -> httpx.AsyncClient:
    """A client for plain HTTP on loopback: no proxy from the environment, no redirect, no certificate authority."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=JOIN_TIMEOUT_S)


async def ask(base: str, request: JoinRequest) -> JoinAnswer:
    """Ask to be let in.

    Raises:
        TokenRejected: the token is no good.
        RefusedForGood: another reason that does not pass.
        JoinFailed: a reason that may pass, or an answer that no relay gives.
        ProtocolError: an answer that no relay of this protocol gives.
        httpx.HTTPError: no answer.
    """
    async with client() as http:
        answer = await http.post(base + JOIN_PATH, json=request.to_json())
    if len(answer.content) > MAX_MESSAGE_BYTES:
        raise JoinFailed(f"the answer of {base} is larger than any relay's")
    if answer.is_success:
        return JoinAnswer.parse(answer.content)
    refusal = read_refusal(answer.content)
    if refusal is None:
        raise JoinFailed(f"{base} answered HTTP {answer.status_code}, which is not a relay's answer")
    message = f"the relay at {base} refused channel {request.channel}: {refusal.message}"
    if refusal.code == _TOKEN_REJECTED and refusal.reason is not None:
        raise TokenRejected(message, refusal.reason)
    if refusal.code == _REPLACED:
        raise PutOut(message, refusal.code)
    raise (JoinFailed if refusal.code in _PASSING else RefusedForGood)(message)


def read_refusal(body: bytes) -> Refusal | None:
    """What a relay says when it refuses, if that is what `body` is."""
    try:
        return RefusalAnswer.parse(body).error
    except ProtocolError:
        return None
