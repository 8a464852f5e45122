"""The carrier ``acme``: rings through an HTTP API like Sendblue's. One request, never repeated."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    ConfigError,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces import Carrier, Grant, is_loopback
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from offhook.interfaces import Auth, DialRequest, Environment

_TIMEOUT_S: Final = 15.0
_CONNECT_S: Final = 5.0
_MOST_BYTES: Final = 64 * 1024
#: Raised before a byte of the request has left: nothing rang.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _Keys(httpx.Auth):
    """Puts the keys into the request at the last moment: tools that report errors show the variables of our frames."""

    def __init__(self, headers: Mapping[str, Secret]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, secret in self._headers.items():
            request.headers[name] = secret.reveal()
        yield request


class AcmeCarrier(Carrier):
    """Settings: `ACME_API_URL`, and `ACME_FROM_NUMBER` to call from. Grants are joined where the API is."""

    def __init__(self, environment: Environment, auth: Auth) -> None:
        self._url = environment.get("ACME_API_URL", "").rstrip("/")
        self._from = environment.get("ACME_FROM_NUMBER", "")
        self._auth = auth
        if not self._url.startswith("https://") and not is_loopback(self._url):
            raise ConfigError("set ACME_API_URL to a URL with https, or to one of this machine: keys go there")
        self.endpoint = self._url
        self._host = urlsplit(self._url).hostname or ""
        # Each call opens a new connection: a kept one may be closed just as the request leaves, and then it is unknown
        # whether it rang. No redirects (httpx follows none by default): keys are for one host.
        self._client = httpx.AsyncClient(
            transport=environment.http,
            trust_env=False,
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def check(self) -> None:
        if not self._from:
            raise ConfigError("there is no number to call from: set ACME_FROM_NUMBER to your line")
        await self._auth.headers(self._host)

    async def line_id(self, from_number: str | None = None) -> str:
        return f"{self._url} {from_number or self._from}"

    async def start_call(self, request: DialRequest) -> Grant:
        if self._client.is_closed:
            raise CarrierUnavailable("this carrier was closed, so nobody was rung: make a new one")
        keys = _Keys(await self._auth.headers(self._host))
        numbers = {"phoneNumber": request.number, "fromNumber": request.from_number or self._from}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                posted = self._client.stream("POST", f"{self._url}/facetime/start-call", json=numbers, auth=keys)
                async with posted as response:
                    body = await _body(response)
        except _NOT_SENT as error:
            problem: CarrierError = CarrierUnavailable(
                f"nothing answers at {self._url} ({type(error).__name__}), so nobody was rung: is ACME_API_URL right?"
            )
        except (httpx.HTTPError, TimeoutError) as error:
            problem = StartAmbiguous(
                f"the answer of {self._url} was lost ({type(error).__name__}): it may have rung. It was not asked "
                "again; check that phone before you dial again"
            )
        else:
            return self._grant(response, body)
        # Raised here, so that it has no context: httpx's frames hold the keys in clear text.
        raise problem

    def _grant(self, response: httpx.Response, body: bytes) -> Grant:
        status = response.status_code
        if status in {401, 403}:
            raise CredentialsRejected(f"Acme does not accept the keys (HTTP {status}): look at ACME_KEYS_FILE")
        if status == 429:
            seconds = response.headers.get("retry-after", "")
            wait_s = min(float(seconds), 3600.0) if seconds.isdecimal() else None
            raise RateLimited("Acme asks for fewer calls (HTTP 429): dial again later", wait_s)
        if 400 <= status < 500:
            raise RequestRejected(f"Acme refused the call (HTTP {status})", may_have_rung=status == 408)
        if status >= 500:
            raise CarrierUnavailable(f"Acme is failing (HTTP {status}); it may have rung", may_have_rung=True)
        try:
            document: object = json.loads(body) if status == 200 else None
        except ValueError:
            document = None
        match document:
            case {"agora": {"appId": str(app_id), "channelName": str(channel), "token": str(token), "uid": int(uid)}}:
                return Grant(app_id, channel, Secret(token), uid, self.endpoint)
            case _:
                raise CarrierProtocolError(
                    f"what answers at {self._url} is not Acme's API (HTTP {status}); it may have rung",
                    may_have_rung=True,
                )

    async def aclose(self) -> None:
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > _MOST_BYTES:
            break  # a truncated body is not valid JSON
    return bytes(body)
