"""The mock server: one tenant to begin with, Sendblue's API, rooms, callees and the WebRTC door, on loopback alone.

::

    async with MockServer() as server:
        server.url, server.tenant.api_key, server.from_number

It lives on the loop it is started on and makes no threads but one that imports the media libraries.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import logging
import socket
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Router

from offhook.clock import Clock, SystemClock
from offhook.errors import ConfigError, RecordingError
from offhook.ids import Ids
from offhook.plugins import Plugins
from offhook_mockserver.calls import CallEvent, Calls
from offhook_mockserver.connections import BoundedConnection, RefusableWebSocket
from offhook_mockserver.guard import MAX_BODY_BYTES, MAX_HEADER_BYTES, Guard
from offhook_mockserver.numbers_table import script_for
from offhook_mockserver.rooms import Rooms
from offhook_mockserver.sendblue_api import SendblueApi, UnknownRoute
from offhook_mockserver.tenants import Tenants, TenantSettings
from offhook_wire.relay_protocol import EVENTS_PATH, HEALTH_PATH, JOIN_PATH, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from offhook_mockserver.script import Script
    from offhook_mockserver.webrtc_door import WebRtcDoor

_log = logging.getLogger(__name__)

#: The only address it ever binds.
LOOPBACK: Final = "127.0.0.1"
_HTTP_PORT: Final = 80
_STOP_TIMEOUT_S: Final = 1.0
#: Everything of the WebRTC door is below this path.
_RELAY: Final = "/relay/"
_RELAY_ROUTES: Final = {
    f"GET {HEALTH_PATH}": "",
    f"POST {JOIN_PATH}": "",
    f"GET {EVENTS_PATH}": "as a WebSocket, with ?sid=",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSettings:
    """Settings of a server.

    Attributes:
        port: where it listens on 127.0.0.1; 0 lets the system choose.
        recordings: an existing or new folder for what callees hear, or None.
        tenant: what calls of its first tenant are like.
    """

    port: int = 0
    recordings: Path | None = None
    tenant: TenantSettings | None = None


class MockServer:
    """A mock of Sendblue and of the channel behind it.

    Args:
        settings: where it listens and what it keeps.
        clock: the time of tokens and events.
        ids: all randomness; give it a seed for repeatable keys, channels and tokens.
        plugins: where audio sources, sinks and resamplers come from; the installed ones by default.
        script_for: gives the callee's script for a number; the table of fictional numbers by default.
        on_event: told what happens in calls.

    Attributes:
        tenant: its first tenant.
        tenants: all of them.
        rooms: the channels that are open.
        calls: starts and owns calls.
    """

    def __init__(
        self,
        settings: MockSettings | None = None,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        plugins: Plugins | None = None,
        script_for: Callable[[str], Script] = script_for,
        on_event: Callable[[CallEvent], None] = lambda event: None,
    ) -> None:
        self.settings = settings or MockSettings()
        self._clock: Clock = clock or SystemClock()
        self._ids = ids or Ids()
        self.tenants = Tenants(self._ids)
        self.tenant = self.tenants.create(settings=self.settings.tenant)
        self.rooms = Rooms(self._clock, self._ids)
        self.calls = Calls(
            self.rooms,
            self._clock,
            self._ids,
            plugins or Plugins.load(),
            recordings=self.settings.recordings,
            on_event=on_event,
            script_for=script_for,
        )
        self._door = _LazyDoor(self.rooms, self._clock, self._ids)
        self._port = 0
        self._server: _Server | None = None
        self._loop_task: asyncio.Task[None] | None = None
        #: The whole server as an ASGI application, guard included.
        self.app: ASGIApp = Guard(self._build(), self._hosts)

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return self._port

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def from_number(self) -> str:
        """A line of its first tenant."""
        return self.tenant.lines[0]

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port is taken or not allowed.
            RecordingError: the folder for recordings cannot be written.
        """
        if self.settings.recordings is not None:
            _check_folder(self.settings.recordings)
        listener = _listen(self.settings.port)
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            loop="none",
            http=BoundedConnection,
            ws=RefusableWebSocket,
            ws_max_size=MAX_BODY_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        await self._server.open(listener)
        self._loop_task = asyncio.create_task(self._server.main_loop())
        self._door.warm_up()

    async def aclose(self) -> None:
        """Stop: calls are ended, recordings finished, sockets closed. Idempotent; after 1 s the rest is cut off."""
        server, self._server = self._server, None
        if server is None:
            return
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                server.stop_accepting()
                await self.calls.aclose()
                await self._door.aclose()
        except TimeoutError:
            _log.warning("calls were not over within %g s", _STOP_TIMEOUT_S)
        finally:
            self.rooms.close_all()
            await server.shutdown()
            if self._loop_task is not None:
                self._loop_task.cancel()
                await asyncio.wait((self._loop_task,))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _hosts(self) -> frozenset[str]:
        return _names(self._port)

    def _build(self) -> ASGIApp:
        routes = SendblueApi(self.tenants, self.calls, self._clock, self._ids).routes()
        api = Starlette(routes=routes, exception_handlers={Exception: _internal_error})

        async def split(scope: Scope, receive: Receive, send: Send) -> None:
            # The door's routes are not known before its libraries are imported, so its whole path is handed over.
            relay = scope["type"] != "lifespan" and f"{scope['path']}/".startswith(_RELAY)
            await (self._door if relay else api)(scope, receive, send)

        return split


class _Server(uvicorn.Server):
    """A uvicorn server that shares our loop, leaves signals alone and stops without waiting for its own tick."""

    async def open(self, listener: socket.socket) -> None:
        self._listener = listener
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])

    def stop_accepting(self) -> None:
        for server in self.servers:
            server.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets=[self._listener])


class _LazyDoor:
    """The WebRTC door, whose media libraries take half a second to import: in a thread, while the API answers.

    When they cannot be imported, the API goes on alone, and whoever asks for the door is told what to install.
    """

    def __init__(self, rooms: Rooms, clock: Clock, ids: Ids) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._door: WebRtcDoor | None = None
        self._app: ASGIApp | None = None
        self._opening: asyncio.Task[None] | None = None

    def warm_up(self) -> None:
        """Begin to import."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.warm_up()
        assert self._opening is not None
        await asyncio.shield(self._opening)
        assert self._app is not None
        await self._app(scope, receive, send)

    async def aclose(self) -> None:
        if self._opening is not None:
            await self._opening
        if self._door is not None:
            await self._door.aclose()

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(importlib.import_module, "offhook_mockserver.webrtc_door")
        except Exception as error:  # a library for another system fails in ways of its own
            problem = (
                f"the relay cannot work here, because its media libraries cannot be imported ({error}): "
                'pip install "offhook[mock]", then start the mock again'
            )
            _log.warning("%s", problem)
            self._app = JSONResponse(Refusal("unavailable", problem).to_json(), 503)
            return
        from offhook_mockserver.webrtc_door import WebRtcDoor

        self._door = WebRtcDoor(self._rooms, self._clock, self._ids)
        # No redirects, and an answer in JSON to what no route takes, as elsewhere.
        self._app = Router([*self._door.routes(), UnknownRoute(_RELAY_ROUTES)], redirect_slashes=False)


def _names(port: int) -> frozenset[str]:
    """What a Host header may say to a server at this port."""
    names = {LOOPBACK, "localhost"}
    with_port = {f"{name}:{port}" for name in names}
    # Clients leave out the port that http has anyway (RFC 9110, section 4.2.3).
    return frozenset(with_port | names if port == _HTTP_PORT else with_port)


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted: small answers and events wait for nothing.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(_bind_problem(port, error)) from None
    return listener


def _bind_problem(port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} of {LOOPBACK} is taken: give another with --port, or none to have one chosen"
        case errno.EACCES:
            return f"port {port} is for the system's own services: give one from 1024 up, or none to have one chosen"
        case _:
            return f"cannot listen on port {port} of {LOOPBACK}: {error}"


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RecordingError(
            f"the folder for recordings, {folder}, cannot be written: {error.strerror}. Give another with --recordings"
        ) from None


async def _internal_error(request: Request, error: Exception) -> Response:
    message = "the mock failed; its log says why. Please report it"
    return JSONResponse({"status": "ERROR", "message": message}, 500)
