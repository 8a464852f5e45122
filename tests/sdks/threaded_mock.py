"""A mock on a loop in a thread of its own, for clients in other threads and other processes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from offhook_mockserver.server import MockServer, MockSettings, TenantSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    _T = TypeVar("_T")


class ThreadedMock:
    """The running mock. Its methods are for threads other than its own.

    Args:
        server: the server.
        loop: the loop that it runs on.
    """

    def __init__(self, server: MockServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self._loop = loop

    @property
    def url(self) -> str:
        """Its base URL."""
        return self.server.url

    def on_loop(self, work: Callable[[], _T]) -> _T:
        """Do something on its loop, and return the result."""

        async def done() -> _T:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def answered(self, api_key: str) -> set[str]:
        """``METHOD /path`` of each operation that was answered with success to the client with this key."""

        def read() -> set[str]:
            tenant = self.server.tenants.named(api_key)
            assert tenant is not None, "no request has this key"
            entries = tenant.journal.search(kind="request")
            assert not tenant.journal.dropped
            return {
                f"{fields['method']} {fields.get('operation', fields['path'])}"
                for fields in (entry.fields for entry in entries)
            }

        return self.on_loop(read)


@contextlib.contextmanager
def threaded_mock(*, lenient: bool, open_to_any_keys: bool = False) -> Iterator[ThreadedMock]:
    """Run a mock."""
    settings = MockSettings(open_to_any_keys=open_to_any_keys, tenant=TenantSettings(lenient=lenient))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mock", daemon=True)
    thread.start()
    try:
        server = MockServer(settings)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        try:
            yield ThreadedMock(server, loop)
        finally:
            asyncio.run_coroutine_threadsafe(server.aclose(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
