"""Whether a mock listens at an endpoint, with the door at which the mock's SDK joins."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import httpx

from offhook.errors import TransportUnavailable
from offhook_wire.pcm_protocol import PCM_PATH
from offhook_wire.strict_json import ProtocolError, load_object
from offhook_wire.unreachable import unreachable

#: A mock that has just been started on a busy machine takes its time for its first answer.
_TIMEOUT_S: Final = 9.0
_MOST_BYTES: Final = 8_192


async def check_door(endpoint: str) -> None:
    """Ask for the door, within 9 s.

    Raises:
        TransportUnavailable: nothing listens there, or it is not a mock of this version.
    """
    base = endpoint.rstrip("/")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and cheaper than reading the system's certificates
    client = httpx.AsyncClient(trust_env=False, follow_redirects=False, verify=context, timeout=_TIMEOUT_S)
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    body = bytearray()
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            client,
            client.stream("GET", base + PCM_PATH, headers=headers) as answer,
        ):
            async for part in answer.aiter_raw():
                body += part
                if len(body) > _MOST_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise TransportUnavailable(unreachable(base, error)) from None
    try:
        door = load_object(bytes(body))
    except ProtocolError:
        door = {}
    if door.get("door") != "pcm":
        raise TransportUnavailable(
            f"the server at {base} is not an offhook mock (HTTP {answer.status_code}): use the URL that `offhook mock` "
            "prints"
        )
