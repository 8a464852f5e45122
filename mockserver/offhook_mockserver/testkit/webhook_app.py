"""Delivers webhooks to an ASGI application of a test, on the application's own loop, without a socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx

from offhook.wording import describe
from offhook_mockserver.server.asgi_transport import AsgiTransport
from offhook_mockserver.tenants.webhooks.post_answer import KeptBody, PostAnswer
from offhook_mockserver.tenants.webhooks.targets import NotDelivered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

#: The most bytes of an answer that are read; the application sees a client that disconnects then.
_MOST_ANSWER_BYTES: Final = 64 * 1024


class WebhookApp:
    """Posts webhooks to an application.

    Args:
        app: the application. Its lifespan is not started.
        loop: the loop that it runs on.

    Raises:
        ConfigError: `app` is not an ASGI application.
    """

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = AsgiTransport(app)
        self._loop = loop

    async def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
        """Post `body`, and return the answer.

        Raises:
            NotDelivered: there was no answer.
        """
        request = httpx.Request("POST", url, headers=list(headers), content=body)
        if asyncio.get_running_loop() is self._loop:
            return await self._posted(request)
        posting = self._posted(request)
        try:
            future = asyncio.run_coroutine_threadsafe(posting, self._loop)
        except RuntimeError:
            posting.close()
            raise NotDelivered("the event loop of its application is closed", final=True) from None
        return await asyncio.wrap_future(future)

    async def _posted(self, request: httpx.Request) -> PostAnswer:
        try:
            answer = await self._transport.handle_async_request(request)
            read, kept = 0, KeptBody()
            async for part in answer.aiter_raw():
                read += len(part)
                kept.add(part)
                if read > _MOST_ANSWER_BYTES:
                    break
            await answer.aclose()
        except httpx.HTTPError as error:
            raise NotDelivered(describe(error)) from None
        return PostAnswer(answer.status_code, bytes(kept), answer.headers.get("location", ""))


async def refuse_network(url: str, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
    """What posts webhooks in virtual time: nothing leaves the process.

    Raises:
        NotDelivered: always.
    """
    raise NotDelivered(
        "this test runs in virtual time, where nothing is posted over the network: pass the application to "
        f"offhook_mock.webhooks.deliver_to(app, {url!r}), or remove the marker offhook_virtual",
        final=True,
    )
