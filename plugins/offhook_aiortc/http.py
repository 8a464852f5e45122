"""One HTTP exchange with a relay: direct, without redirects, and bounded in bytes and in time, however it answers."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from offhook.errors import JoinFailed
from offhook_wire.relay_protocol import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """A complete answer.

    Attributes:
        status: the HTTP status.
        body: its bytes, as they arrived.
    """

    status: int
    body: bytes


async def exchange(
    method: str, url: str, *, timeout_s: float, document: Mapping[str, object] | None = None
) -> RelayAnswer:
    """Send one request and read its whole answer.

    The answer is read as it arrives, since a compressed one could unpack to any size: it is not requested, and one that
    arrives anyway is refused.

    Args:
        method: ``GET`` or ``POST``.
        url: of a relay on this machine; no proxy of the environment is used, and no redirect followed.
        timeout_s: the limit for all of it, so that an answer which drips is over, too.
        document: the JSON body.

    Raises:
        JoinFailed: the answer is compressed, or larger than `MAX_MESSAGE_BYTES`.
        TimeoutError: it took longer than `timeout_s`.
        httpx.HTTPError: there was no answer.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and cheaper than reading the system's certificates
    client = httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        verify=context,
        timeout=timeout_s,
        headers={"accept": "application/json", "accept-encoding": "identity"},
    )
    async with asyncio.timeout(timeout_s), client, client.stream(method, url, json=document) as response:
        encoding = response.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise JoinFailed(f"the answer of {url} is compressed, which was not requested: a relay's is not")
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > MAX_MESSAGE_BYTES:
                raise JoinFailed(f"the answer of {url} is larger than {MAX_MESSAGE_BYTES} bytes, the limit for a relay")
        return RelayAnswer(response.status_code, bytes(body))
