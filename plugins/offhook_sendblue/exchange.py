"""One POST, never sent twice: a deadline for all of it, a limit on the answer, and a clear result: sent or not.

Failures are returned, not raised, so that no exception of the HTTP client, whose frames hold the keys in the clear, is
attached to the error that the caller raises.
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

#: A start-call answer has about 500 bytes.
MAX_ANSWER_BYTES: Final = 64 * 1024
#: The waits before further attempts to connect; up to the same time is added at random.
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
#: The errors in `_NOT_SENT` after which another attempt may succeed.
_WORTH_RETRYING: Final = (httpx.ConnectError, httpx.ConnectTimeout)

# At DEBUG these log the answer's headers, where a careless server may echo a key. Handlers are the application's, so
# the filter is added to loggers here. A logger's filter sees only its own records, not those of the loggers below it,
# so each logger that httpx and httpcore write to is named.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(RedactingFilter())


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer; `body` may be truncated unless `status` is a success, and is empty when `oversized`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    oversized: bool = False


class Failure(Enum):
    """Why no answer was received."""

    #: No byte of the request was sent.
    NOT_SENT = "not sent"
    #: The request was sent, or may have been, and no complete answer arrived.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer was received; `problem` says why, without secrets."""

    failure: Failure
    problem: str


class _Keys(httpx.Auth):
    """Puts the secrets into the request at the last moment, so that no frame of ours holds them in the clear."""

    def __init__(self, headers: Mapping[str, Secret]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, secret in self._headers.items():
            request.headers[name] = secret.reveal()
        yield request


class _Progress:
    """How far a request got."""

    def __init__(self) -> None:
        # True until the client reports that it is only connecting: without a report, assume that it has sent.
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
        # A refusal remains a refusal when the rest of its page is lost.
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

    Connecting is tried up to three times, since nothing has been sent by then. From the first byte of the request on,
    nothing is repeated.

    Args:
        client: made by `make_client`.
        url: the endpoint.
        document: the JSON body.
        keys: headers that are secrets.
        timeout_s: the limit for everything together.
        ids: randomness for the waits between attempts to connect.
    """
    progress = _Progress()
    try:
        async with asyncio.timeout(timeout_s):
            return await _attempts(client, url, document, keys, progress, ids)
    except TimeoutError:
        return progress.outcome(f"no complete answer within {timeout_s:g} s", complete=False)


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
        # Raw: compressed answers are not requested, and one that arrives anyway could unpack to any size.
        async for part in response.aiter_raw():
            progress.body += part
            if len(progress.body) > MAX_ANSWER_BYTES:
                progress.oversized = True
                return


def make_client(*, loopback: bool, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Return an HTTP client for `post_once`.

    Args:
        loopback: the URL is on this machine: ignore proxies and other settings of the environment.
        timeout_s: the limit for each single read or write.
        transport: used instead of the network.
    """
    return httpx.AsyncClient(
        transport=transport,
        trust_env=not loopback,
        follow_redirects=False,
        timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s)),
        headers={"accept": "application/json", "accept-encoding": "identity"},
        # The server may close a kept connection just as the next request is sent, and then it is unknown whether the
        # callee was rung. So each call gets a new connection.
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def _describe(error: Exception) -> str:
    text = redact(str(error)).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
