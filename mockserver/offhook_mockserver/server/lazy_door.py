"""The WebRTC door, imported on demand: a mock without media libraries still answers as an API."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from typing import TYPE_CHECKING, Final

from offhook_mockserver.server.lazy_apis import FOR_CALLS, FOR_CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.doors.webrtc.door import WebRtcDoor
    from offhook_mockserver.rooms.rooms import Rooms


_log = logging.getLogger(__name__)

_DOOR: Final = "offhook_mockserver.doors.webrtc.door"
#: What the door imports, in parts of about 50 ms, so that a mock which stops need not wait for all of it.
_LIBRARIES: Final = (
    "cryptography.x509",
    "OpenSSL.SSL",
    "av.video.frame",
    "av",
    "ifaddr",
    "aioice",
    "pyee.asyncio",
    "aiortc",
)
#: How long the first requests have, before the imports compete with them.
_HEAD_START_S: Final = 0.05


def _import_all(stopping: Callable[[], bool]) -> None:
    for name in (*FOR_CALLS, *_LIBRARIES, _DOOR, FOR_CONTROL):
        if stopping():
            return
        importlib.import_module(name)


class LazyDoor:
    """Imports the WebRTC door's media libraries, which takes half a second, in a thread, while the API answers.

    The same thread imports what else the first calls need. It begins when the door is wanted for the first time, or a
    moment after the start: before that, it would only delay the answer to a program that waits for the mock.

    If they cannot be imported, the API works without the door, whose answers say what to install.

    Args:
        rooms, clock, ids: see `WebRtcDoor`.
        imported: called on the loop when what calls need was imported.
    """

    def __init__(self, rooms: Rooms, clock: Clock, ids: Ids, *, imported: Callable[[], object]) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._imported = imported
        self._door: WebRtcDoor | None = None
        self._app: ASGIApp | None = None
        self._opening: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._importing = False
        self._stopping = False

    def warm_up(self) -> None:
        """Start to import."""
        if self._opening is None:
            self._stopping = self._importing = False
            self._opening = asyncio.create_task(self._open())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wanted.set()
        self.warm_up()
        assert self._opening is not None
        await asyncio.shield(self._opening)
        assert self._app is not None
        await self._app(scope, receive, send)

    async def opened(self) -> None:
        """Wait until everything that calls need is imported, or cannot be."""
        if self._opening is not None:
            await asyncio.wait((self._opening,))

    async def settled(self) -> None:
        """Wait until the thread that imports has ended: it finishes the part that it is at."""
        self._stopping = True
        if self._opening is not None and not self._importing:
            self._opening.cancel()
            await asyncio.wait((self._opening,))
        elif self._opening is not None:
            await self._opening
        if self._door is None:  # a mock that starts again imports what is missing
            self._opening = None

    async def aclose(self) -> None:
        """Remove all clients of the door."""
        await self.settled()
        if self._door is not None:
            await self._door.aclose()

    async def _open(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_START_S):
                await self._wanted.wait()
        self._importing = True
        try:
            await asyncio.to_thread(_import_all, lambda: self._stopping)
        except Exception as error:  # a library for another system can raise any error
            problem = (
                f"the relay does not work, because its media libraries cannot be imported ({error}): "
                'run pip install "offhook[mock]" and start the mock again'
            )
            _log.warning("%s", problem)
            self._app = _unavailable(problem)
            return
        if self._stopping:
            self._app = _unavailable("the mock is stopping")
            return
        self._imported()
        from starlette.routing import Router

        from offhook_mockserver.doors.webrtc.door import WebRtcDoor
        from offhook_mockserver.faces.unknown_route import UnknownRoute

        self._door = WebRtcDoor(self._rooms, self._clock, self._ids)
        # As elsewhere, no redirects, and an answer in JSON to unknown routes.
        self._app = Router([*self._door.routes(), UnknownRoute(_relay_routes())], redirect_slashes=False)


def _unavailable(problem: str) -> ASGIApp:
    from offhook_mockserver.doors.json_answer import JsonAnswer
    from offhook_wire.relay_protocol import Refusal, RefusalAnswer

    return JsonAnswer(RefusalAnswer(Refusal("unavailable", problem)).to_json(), 503)


def _relay_routes() -> Mapping[str, str]:
    from offhook_wire.pcm_protocol import PCM_PATH
    from offhook_wire.relay_protocol import EVENTS_PATH, HEALTH_PATH, JOIN_PATH

    return {
        f"GET {HEALTH_PATH}": "",
        f"POST {JOIN_PATH}": "",
        f"GET {EVENTS_PATH}": "as a WebSocket, with ?sid=",
        f"GET {PCM_PATH}": "as a WebSocket",
    }
