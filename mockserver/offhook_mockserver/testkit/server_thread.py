"""A mock server on a loop of its own, in a thread of its own: no loop of a test can hold it up, nor it a test."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError
from offhook_mockserver.server.mock import check_plugins
from offhook_mockserver.server.socket_server import MockServer
from offhook_mockserver.testkit.lag import LagProbe

if TYPE_CHECKING:
    from offhook.plugin import Plugins


#: How long the server may take to start, and to stop once its calls have ended.
_LIMIT_S: Final = 10.0


class ServerThread:
    """Starts a `MockServer` and stops it again. Every method is for threads other than its own.

    Args:
        plugins: the audio sources, sinks and resamplers; by default, the installed ones.

    Raises:
        ConfigError: `plugins` is not a `Plugins`.

    Attributes:
        lag: measures how long its loop stood still. Set by `start`.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self._plugins = None if plugins is None else check_plugins(plugins)
        self._ready: concurrent.futures.Future[MockServer] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="offhook-mock", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the server runs on.

        Raises:
            CallStateError: the server was not started.
        """
        if self._loop is None:
            raise CallStateError("this server was not started: call start() first")
        return self._loop

    @property
    def server(self) -> MockServer:
        """The server. Nothing of it is thread-safe but what does not change.

        Raises:
            CallStateError: the server was not started.
        """
        if not self._ready.done():
            raise CallStateError("this server was not started: call start() first")
        return self._ready.result()

    def start(self) -> None:
        """Start the server, and return when it listens.

        Raises:
            OffhookError: what starting a `MockServer` raises.
            TimeoutError: it did not start within 10 s.
        """
        self._thread.start()
        self._ready.result(_LIMIT_S)

    def stop(self) -> None:
        """End all calls, close all sockets and end the thread. Idempotent and bounded."""
        if self._loop is None or self._stopping is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_LIMIT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        async with MockServer(plugins=self._plugins) as server:
            self.lag: LagProbe = LagProbe(self._loop, lambda: server.calls.up)
            self._ready.set_result(server)
            await self._stopping.wait()
