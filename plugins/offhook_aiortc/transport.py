"""`AiortcTransport`: finds out whether a relay is there, and joins its channels."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from offhook.clock import SystemClock
from offhook.errors import JoinFailed, JoinTimeout, TokenRejected, TransportUnavailable
from offhook.grant import is_loopback
from offhook.ids import Ids
from offhook.interfaces import Transport
from offhook_aiortc.leg import AiortcLeg
from offhook_wire.peer import Certificate, PeerFailed, make_certificate
from offhook_wire.relay_protocol import (
    HEALTH_PATH,
    JOIN_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    PROTOCOL,
    Health,
    JoinAnswer,
    JoinRequest,
    Refusal,
)
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.clock import Clock
    from offhook.grant import Grant
    from offhook.interfaces import LegHandler

_CHECK_TIMEOUT_S: Final = 3.0
_TOKEN_REJECTED: Final = "token_rejected"


class AiortcTransport(Transport):
    """WebRTC to a relay on this machine. Media and signalling stay on loopback.

    Args:
        rate_hz: rate of legs' audio, which is the codec's own: 8, 12, 16, 24 or 48 kHz.
        bitrate_bps: Opus's target.
        complexity: Opus's effort, 0 to 10; the main part of a call's CPU.
        wait_ms: how long a missing packet is waited for; loopback does not reorder.
        clock: the time.
        ids: where SSRCs come from.
        drop: loss injection for tests and benchmarks: given the number of each outgoing RTP packet, from 0, it says
            whether to lose it.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 16_000,
        bitrate_bps: int = 32_000,
        complexity: int = 5,
        wait_ms: float = 5,
        clock: Clock | None = None,
        ids: Ids | None = None,
        drop: Callable[[int], bool] | None = None,
    ) -> None:
        self.rate_hz = rate_hz
        self._bitrate_bps = bitrate_bps
        self._complexity = complexity
        self._wait_ms = wait_ms
        self._clock = clock or SystemClock()
        self._ids = ids or Ids()
        self._drop = drop
        self._certificate: Certificate | None = None
        self._legs: set[AiortcLeg] = set()

    async def check(self, endpoint: str | None) -> None:
        """See `Transport.check`: asks the relay for its health, within 3 s."""
        base = _base_url(endpoint)
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S), _client() as http:
                answer = await http.get(base + HEALTH_PATH)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            problem = (
                "no answer in time" if isinstance(error, TimeoutError | httpx.TimeoutException) else "no connection"
            )
            raise TransportUnavailable(
                f"nothing is listening at {base} ({problem}): start it with `offhook mock`"
            ) from error
        try:
            health = Health.parse(answer.content)
        except ProtocolError as error:
            if (refusal := _refusal(answer.content)) is not None:
                raise TransportUnavailable(f"the relay at {base} cannot be used: {refusal.message}") from error
            raise TransportUnavailable(
                f"something else than an offhook relay answers at {base} (HTTP {answer.status_code}):"
                " give the URL that `offhook mock` prints"
            ) from error
        if health.protocol != PROTOCOL:
            raise TransportUnavailable(
                f"the relay at {base} speaks protocol {health.protocol}, this offhook speaks {PROTOCOL}:"
                " run both from the same version"
            )

    async def join(self, grant: Grant, handler: LegHandler) -> AiortcLeg:
        """See `Transport.join`: HTTP, then ICE and DTLS, then the WebSocket, all within 10 s."""
        base = _base_url(grant.endpoint)
        if self._certificate is None:
            self._certificate = make_certificate()
        leg = AiortcLeg(
            handler,
            certificate=self._certificate,
            rate_hz=self.rate_hz,
            bitrate_bps=self._bitrate_bps,
            complexity=self._complexity,
            wait_ms=self._wait_ms,
            clock=self._clock,
            ids=self._ids,
            drop=self._drop,
            over=self._legs.discard,
        )
        self._legs.add(leg)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                local = await leg.gather()
                request = JoinRequest(grant.app_id, grant.channel, grant.token, grant.uid, leg.ssrc, local)
                await leg.connect(base, await _ask(base, request))
        except TimeoutError as error:
            await leg.leave()
            raise JoinTimeout(f"the relay at {base} did not let us in within {JOIN_TIMEOUT_S:g} s") from error
        except (PeerFailed, ProtocolError, httpx.HTTPError, OSError) as error:
            await leg.leave()
            raise JoinFailed(f"could not join at {base}: {error}") from error
        except BaseException:
            await leg.leave()
            raise
        return leg

    async def aclose(self) -> None:
        """See `Transport.aclose`: leaves what has not been left."""
        for leg in tuple(self._legs):
            await leg.leave()


def _base_url(endpoint: str | None) -> str:
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


def _client() -> httpx.AsyncClient:
    """A client for plain HTTP on loopback: no proxy from the environment, no redirect, no certificate authority."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=JOIN_TIMEOUT_S)


async def _ask(base: str, request: JoinRequest) -> JoinAnswer:
    async with _client() as http:
        answer = await http.post(base + JOIN_PATH, json=request.to_json())
    if len(answer.content) > MAX_MESSAGE_BYTES:
        raise JoinFailed(f"the answer of {base} is larger than any relay's")
    if answer.is_success:
        return JoinAnswer.parse(answer.content)
    refusal = _refusal(answer.content)
    if refusal is None:
        raise JoinFailed(f"{base} answered HTTP {answer.status_code}, which is not a relay's answer")
    message = f"the relay at {base} refused channel {request.channel}: {refusal.message}"
    if refusal.code == _TOKEN_REJECTED and refusal.reason is not None:
        raise TokenRejected(message, refusal.reason)
    raise JoinFailed(message)


def _refusal(body: bytes) -> Refusal | None:
    """What a relay says when it refuses, if that is what `body` is."""
    try:
        return Refusal.parse(body)
    except ProtocolError:
        return None
