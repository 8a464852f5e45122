"""One request, never sent twice: a deadline for all of it, a limit on the answer, and a clear result: sent or not.

Failures are returned, not raised, so that no exception of the HTTP client, whose frames hold the keys in the clear, is
attached to the error that the caller raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx

from offhook.secret import RedactingFilter, redact
from offhook_sendblue.plain_client import PlainClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    import httpcore

    from offhook.interfaces import Ids
    from offhook.secret import Secret

#: Made by `client.make_client`.
Client: TypeAlias = httpx.AsyncClient | PlainClient

#: A start-call answer has about 500 bytes.
MAX_ANSWER_BYTES: Final = 64 * 1024
#: A list has an entry of some hundred bytes for each line of the account.
MAX_LIST_BYTES: Final = 1024 * 1024
#: The waits before further attempts to connect; up to the same time is added at random.
_CONNECT_WAITS_S: Final = (0.05, 0.15)
#: The method with which a proxy is asked for a connection: nothing of our request.
_CONNECT: Final = b"CONNECT"

#: Raised before a byte of the request is written.
_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
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
    """No answer was received.

    Attributes:
        failure: whether the request was sent.
        problem: why, without secrets.
        place: host and port to which the last connection was tried: those of the URL, or of a proxy; None if unknown.
        untrusted: whether the certificate of the other end was the problem.
    """

    failure: Failure
    problem: str
    place: tuple[str, int] | None = None
    untrusted: bool = False


class _Keys(httpx.Auth):
    """Puts the secrets into the request at the last moment, so that no frame of ours holds them in the clear."""

    def __init__(self, headers: Mapping[str, Secret]) -> None:
        self._headers = headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, secret in self._headers.items():
            request.headers[name] = secret.reveal()
        yield request


class _ConnectedError(Exception):
    """The connection is up, and the request has not been sent."""


class _Progress:
    """How far a request got."""

    def __init__(self, most_bytes: int = MAX_ANSWER_BYTES) -> None:
        self.most_bytes = most_bytes
        # True until the client reports that it is only connecting: without a report, assume that it has sent.
        self.sent = True
        self.answer: HttpAnswer | None = None
        self.oversized = False
        self.body = bytearray()
        #: Where the last connection was tried, see `NoAnswer`.
        self.place: tuple[str, int] | None = None
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def aclose(self) -> None:
        """Close the last connection. httpcore leaves it open when it is cancelled during the TLS handshake."""
        if self._stream is not None:
            await self._stream.aclose()

    def connecting(self, host: str, port: int) -> None:
        self.sent = False
        self.place = host, port

    def sending(self) -> None:
        self.sent = True

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self.answer = HttpAnswer(status, headers, b"")

    def received(self, part: bytes) -> bool:
        """Keep a part of the body; returns False, and keeps no more of the answer, if it is too large."""
        self.body += part
        self.oversized = len(self.body) > self.most_bytes
        return not self.oversized

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's trace extension. Transports given by programs may report less than httpcore does."""
        if event.endswith("connect_tcp.started"):
            self.connecting(str(info.get("host")), int(info.get("port") or 0))
        elif event.endswith("connect_tcp.complete"):
            self._stream = info.get("return_value")
        elif event.endswith("send_request_headers.started"):
            self.sent = getattr(info.get("request"), "method", None) != _CONNECT

    def not_sent(self, error: Exception) -> NoAnswer:
        return NoAnswer(Failure.NOT_SENT, _describe(error), self.place, _is_untrusted(error))

    def outcome(self, problem: str, *, complete: bool) -> HttpAnswer | NoAnswer:
        if self.answer is None:
            return NoAnswer(Failure.LOST if self.sent else Failure.NOT_SENT, problem, self.place)
        if self.oversized:
            return HttpAnswer(self.answer.status, self.answer.headers, b"", oversized=True)
        if not complete and 200 <= self.answer.status < 300:
            return NoAnswer(Failure.LOST, problem)
        # A refusal remains a refusal when the rest of its page is lost.
        return HttpAnswer(self.answer.status, self.answer.headers, bytes(self.body))


class _Reach(_Progress):
    """Stops a request at the moment at which it would be sent."""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        await super().trace(event, info)
        if self.sent and self.place is not None:
            self.sent = False
            raise _ConnectedError


async def connect_only(client: Client, url: str, *, timeout_s: float, ids: Ids) -> HttpAnswer | NoAnswer | None:
    """Connect as a request to `url` would, through proxies and with TLS, and send no request.

    Args:
        client: made by `client.make_client`, for the network.
        url: where to connect to.
        timeout_s: the limit for everything together.
        ids: randomness for the waits between attempts.

    Returns:
        None if the connection was made; else why not.
    """
    reach = _Reach()

    async def connect() -> None:
        if isinstance(client, PlainClient):
            await client.try_to_connect(url, reach)
            return
        with contextlib.suppress(_ConnectedError):
            async with client.stream("HEAD", url, extensions={"trace": reach.trace}):
                pass

    try:
        async with asyncio.timeout(timeout_s):
            return await _attempts(connect, reach, ids)
    except TimeoutError:
        return NoAnswer(Failure.NOT_SENT, f"no connection within {timeout_s:g} s", reach.place)
    finally:
        await reach.aclose()


async def post_once(
    client: Client,
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
        client: made by `client.make_client`.
        url: the endpoint.
        document: the JSON body.
        keys: headers that are secrets.
        timeout_s: the limit for everything together.
        ids: randomness for the waits between attempts to connect.
    """
    return await _once(client, "POST", url, document, keys, _Progress(), timeout_s, ids)


async def get_once(
    client: Client, url: str, keys: Mapping[str, Secret], *, timeout_s: float, ids: Ids
) -> HttpAnswer | NoAnswer:
    """GET a list, once; as `post_once`, with an answer of up to `MAX_LIST_BYTES`.

    Args:
        client: made by `client.make_client`.
        url: the endpoint.
        keys: headers that are secrets.
        timeout_s: the limit for everything together.
        ids: randomness for the waits between attempts to connect.
    """
    return await _once(client, "GET", url, None, keys, _Progress(MAX_LIST_BYTES), timeout_s, ids)


async def _once(
    client: Client,
    method: str,
    url: str,
    document: Mapping[str, str] | None,
    keys: Mapping[str, Secret],
    progress: _Progress,
    timeout_s: float,
    ids: Ids,
) -> HttpAnswer | NoAnswer:
    try:
        async with asyncio.timeout(timeout_s):
            failure = await _attempts(lambda: _exchange(client, method, url, document, keys, progress), progress, ids)
        return failure or progress.outcome("", complete=True)
    except TimeoutError:
        return progress.outcome(f"no complete answer within {timeout_s:g} s", complete=False)
    finally:
        await progress.aclose()


async def _attempts(
    attempt: Callable[[], Awaitable[None]], progress: _Progress, ids: Ids
) -> HttpAnswer | NoAnswer | None:
    """Make attempts until one has connected; returns None when one has ended well."""
    for wait_s in (*_CONNECT_WAITS_S, None):
        try:
            await attempt()
        except _NOT_SENT as error:
            if wait_s is None or not isinstance(error, _WORTH_RETRYING) or _is_untrusted(error):
                return progress.not_sent(error)
            await asyncio.sleep(wait_s * (1 + ids.below(1000) / 1000))
        except (httpx.HTTPError, httpx.StreamError) as error:
            return progress.outcome(_describe(error), complete=False)
        else:
            return None
    raise AssertionError("the last attempt has no wait")  # pragma: no cover


async def _exchange(
    client: Client,
    method: str,
    url: str,
    document: Mapping[str, str] | None,
    keys: Mapping[str, Secret],
    progress: _Progress,
) -> None:
    if isinstance(client, PlainClient):
        await client.exchange(method, url, document, keys, progress)
        return
    async with client.stream(
        method, url, json=document, auth=_Keys(keys), extensions={"trace": progress.trace}
    ) as response:
        progress.answered(response.status_code, response.headers)
        # Raw: compressed answers are not requested, and one that arrives anyway could unpack to any size.
        async for part in response.aiter_raw():
            if not progress.received(part):
                return


def _is_untrusted(error: BaseException) -> bool:
    """Whether an error was caused by a certificate that is not trusted."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _describe(error: Exception) -> str:
    text = redact(str(error)).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
