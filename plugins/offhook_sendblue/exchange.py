"""One POST, never sent twice: a deadline over all of it, a cap on the answer, and a plain word on whether it left.

What goes wrong is returned, not raised, so that no exception of the HTTP client, whose frames hold the keys in clear,
hangs on to the error that the caller raises.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

import httpx

from offhook.secret import RedactingFilter, redact

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from offhook.interfaces import Ids
    from offhook.secret import Secret

#: A start-call answer has some 500 bytes.
MAX_ANSWER_BYTES: Final = 64 * 1024
#: Further attempts to connect, and the wait before each; at most as much again is added at random.
_CONNECT_WAITS_S: Final = (0.05, 0.15)
_CONNECT_TIMEOUT_S: Final = 5.0

#: Raised before a byte of the request is written.
_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
#: Of these, the ones worth another attempt.
_WORTH_RETRYING: Final = (httpx.ConnectError, httpx.ConnectTimeout)

# At DEBUG these log the answer's headers, where a careless server may echo a key. Handlers are the application's, so
# the filter is added to loggers here. A logger's filter sees only what is logged with this very logger, not with those
# below it, so each logger that httpx and httpcore write with is named.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(RedactingFilter())


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; `body` may be cut short where `status` is no success, and is empty when `oversized`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    oversized: bool = False


class Failure(Enum):
    """Why there is no answer."""

    #: No byte of the request left.
    NOT_SENT = "not sent"
    #: It left, or may have, and no whole answer came.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no answer; `problem` says why, without secrets."""

    failure: Failure
    problem: str


class _Keys(httpx.Auth):
    """Puts the secrets into the request at the last moment, so that no frame of ours holds them in clear."""

    def __init__(self, headers: Mapping[str, Secret]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, secret in self._headers.items():
            request.headers[name] = secret.reveal()
        yield request


class _Progress:
    """How far a request got."""

    def __init__(self) -> None:
        # True until the client says that it is only connecting: a client that says nothing is taken to have sent.
        self.sent = True
        self.answer: HttpAnswer | None = None
        self.oversized = False
        self.body = bytearray()

    async def trace(self, event: str, info: object) -> None:
        """httpcore's trace extension."""
        if event.endswith("connect_tcp.started"):
            self.sent = False
        elif event.endswith("send_request_headers.started"):
            self.sent = True

    def outcome(self, problem: str, *, complete: bool) -> HttpAnswer | NoAnswer:
        if self.answer is None:
            return NoAnswer(Failure.LOST if self.sent else Failure.NOT_SENT, problem)
        if self.oversized:
            return HttpAnswer(self.answer.status, self.answer.headers, b"", oversized=True)
        if not complete and 200 <= self.answer.status < 300:
            return NoAnswer(Failure.LOST, problem)
        # A refusal stays a refusal when the rest of its page is lost.
        return HttpAnswer(self.answer.status, self.answer.headers, bytes(self.body))


async def post_once(
    client: httpx.AsyncClient,
    url: str,
    document: Mapping[str, str],
    keys: Mapping[str, Secret],
    *,
    timeout_s: float,
    ids: Ids,
) -> HttpAnswer | NoAnswer:
    """POST `document` as JSON, once.

    Connecting is tried up to three times, since nothing has left by then. From the first byte of the request on,
    nothing is repeated.

    Args:
        client: made by `make_client`.
        url: where to.
        document: becomes the JSON body.
        keys: headers that are secrets.
        timeout_s: for everything together.
        ids: randomness for the waits between attempts to connect.
    """
    progress = _Progress()
    try:
        async with asyncio.timeout(timeout_s):
            return await _attempts(client, url, document, keys, progress, ids)
    except TimeoutError:
        return progress.outcome(f"no whole answer within {timeout_s:g} s", complete=False)


async def _attempts(
    client: httpx.AsyncClient,
    url: str,
    document: Mapping[str, str],
    keys: Mapping[str, Secret],
    progress: _Progress,
    ids: Ids,
) -> HttpAnswer | NoAnswer:
    for wait_s in (*_CONNECT_WAITS_S, None):
        try:
            await _exchange(client, url, document, keys, progress)
        except _NOT_SENT as error:
            if wait_s is None or not isinstance(error, _WORTH_RETRYING):
                return NoAnswer(Failure.NOT_SENT, _describe(error))
            await asyncio.sleep(wait_s * (1 + ids.below(1000) / 1000))
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return progress.outcome(_describe(error), complete=False)
        else:
            return progress.outcome("", complete=True)
    raise AssertionError("the last attempt has no wait")  # pragma: no cover


async def _exchange(
    client: httpx.AsyncClient,
    url: str,
    document: Mapping[str, str],
    keys: Mapping[str, Secret],
    progress: _Progress,
) -> None:
    async with client.stream(
        "POST", url, json=document, auth=_Keys(keys), extensions={"trace": progress.trace}
    ) as response:
        progress.answer = HttpAnswer(response.status_code, response.headers, b"")
        # Raw: compressed answers are not asked for, and one that comes all the same could unpack to anything.
        async for part in response.aiter_raw():
            progress.body += part
            if len(progress.body) > MAX_ANSWER_BYTES:
                progress.oversized = True
                return


def make_client(*, loopback: bool, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """An HTTP client for `post_once`.

    Args:
        loopback: proxies and other settings of the environment are left alone: they are not for this machine.
        timeout_s: limit for each single read or write.
        transport: instead of the network's own.
    """
    return httpx.AsyncClient(
        transport=transport,
        trust_env=not loopback,
        follow_redirects=False,
        timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s)),
        headers={"accept": "application/json", "accept-encoding": "identity"},
        # A connection kept from the last call may be closed by the server just as the next request leaves, and then
        # nobody would know whether it rang. Each call gets a new one.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _describe(error: Exception) -> str:
    text = redact(str(error)).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
