"""The HTTP client for a server on this machine, which answers without TLS: a plain socket for each request.

httpx is for the internet. There, its cost does not matter; in a call to a mock, it took a tenth of all CPU time of the
caller. Nothing of the environment is read, and no redirect is followed. It raises httpx's errors.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final, Protocol

import h11
import httpx

from offhook_wire.plain_http import AnswerBroken, PlainConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.secret import Secret

_HTTP_PORT: Final = 80
_HEADERS: Final = (("accept", "application/json"), ("accept-encoding", "identity"))


class RequestProgress(Protocol):
    """What is told how far a request got."""

    def connecting(self, host: str, port: int) -> None: ...

    def sending(self) -> None: ...

    def answered(self, status: int, headers: Mapping[str, str]) -> None: ...

    def received(self, part: bytes) -> bool:
        """Take a part of the answer's body; returns whether more is wanted."""
        ...


class PlainClient:
    """Makes requests to servers on this machine.

    Args:
        connect_timeout_s: the time limit for connecting.
    """

    def __init__(self, connect_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s

    async def exchange(
        self,
        method: str,
        url: str,
        document: Mapping[str, str] | None,
        keys: Mapping[str, Secret],
        progress: RequestProgress,
    ) -> None:
        """Send one request over a connection of its own, and read the answer. The caller sets a time limit.

        Args:
            method: for example ``POST``.
            url: on this machine.
            document: the JSON body, or None.
            keys: headers that are secrets.
            progress: is told how far the request got.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: there is no connection.
            httpx.LocalProtocolError: a header has a value that HTTP does not allow. Nothing was sent.
            httpx.RemoteProtocolError: the answer is not HTTP, or is cut off.
        """
        place = httpx.URL(url)
        body = b"" if document is None else json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        host = ("host", place.netloc.decode("ascii"))
        connection = await self._connect(place, progress)
        try:
            progress.sending()
            # The secrets are put in at the last moment, so that no variable holds them in the clear.
            await connection.send(
                method,
                place.raw_path.decode("ascii"),
                [host, *_HEADERS, *((name, secret.reveal()) for name, secret in keys.items())],
                body,
            )
            head = await connection.head()
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            progress.answered(head.status_code, headers)
            while (part := await connection.part()) and progress.received(part):
                pass
        except h11.LocalProtocolError:  # its text would show the value
            raise httpx.LocalProtocolError("a header has a value that HTTP does not allow") from None
        except AnswerBroken as error:
            raise httpx.RemoteProtocolError(str(error)) from None
        finally:
            connection.close()

    async def try_to_connect(self, url: str, progress: RequestProgress) -> None:
        """Connect as `exchange` would, and send nothing.

        Args:
            url: on this machine.
            progress: is told where.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: there is no connection.
        """
        (await self._connect(httpx.URL(url), progress)).close()

    async def aclose(self) -> None:
        """Do nothing: no connection is kept."""

    async def _connect(self, url: httpx.URL, progress: RequestProgress) -> PlainConnection:
        host, port = url.raw_host.decode("ascii"), url.port or _HTTP_PORT
        progress.connecting(host, port)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await PlainConnection.open(host, port)
        except TimeoutError:
            raise httpx.ConnectTimeout("") from None
        except OSError as error:
            raise httpx.ConnectError(str(error)) from None
