"""The transport ``acme``: joins the rooms of a mock through its PCM door."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import httpx

from acme_offhook.door import RATE_HZ, enter
from acme_offhook.leg import AcmeLeg
from offhook.errors import TransportUnavailable
from offhook.interfaces import Transport, is_loopback

if TYPE_CHECKING:
    from offhook.interfaces import Grant, Leg, LegHandler

_CHECK_S: Final = 5.0
_MOST_BYTES: Final = 4096


class AcmeTransport(Transport):
    """Joins many channels at once.

    Args:
        silence_s: a connection without a sign of life for this long is considered lost.
        give_up_s: how long a leg that has lost its connection tries to come back.
    """

    rate_hz = RATE_HZ

    def __init__(self, *, silence_s: float = 2.0, give_up_s: float = 20.0) -> None:
        self._silence_s = silence_s
        self._give_up_s = give_up_s
        self._legs: set[AcmeLeg] = set()
        self._closed = False

    async def check(self, endpoint: str | None) -> None:
        if self._closed:
            raise TransportUnavailable("this transport was closed: make a new one")
        if endpoint is None or not is_loopback(endpoint):
            raise TransportUnavailable(
                f"the transport acme joins at a mock on this machine, not at {endpoint or 'Agora'}"
            )
        try:
            async with (
                asyncio.timeout(_CHECK_S),
                httpx.AsyncClient(trust_env=False) as client,
                client.stream("GET", f"{endpoint}/relay/pcm") as response,
            ):
                about: object = json.loads(await anext(response.aiter_bytes(_MOST_BYTES), b""))
        except (httpx.HTTPError, TimeoutError, ValueError):
            about = None
        match about:
            case {"door": "pcm", "protocol": 1}:
                pass
            case _:
                raise TransportUnavailable(f"there is no PCM door at {endpoint}: start `offhook mock` there")

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        entrance = await enter(grant, self._silence_s)
        leg = AcmeLeg(grant, handler, entrance, self._silence_s, self._give_up_s, self._legs.discard)
        self._legs.add(leg)
        if self._closed:
            await leg.leave()
            raise TransportUnavailable("this transport was closed: make a new one")
        return leg

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.gather(*(leg.leave() for leg in tuple(self._legs)))
