"""The WebRTC door, imported on demand: a mock without media libraries still answers as an API."""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING, Final

from starlette.routing import Router

from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.refusals import UnknownRoute
from offhook_wire.pcm_protocol import PCM_PATH
from offhook_wire.relay_protocol import EVENTS_PATH, HEALTH_PATH, JOIN_PATH, Refusal, RefusalAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.doors.webrtc.door import WebRtcDoor
    from offhook_mockserver.rooms.rooms import Rooms


_log = logging.getLogger(__name__)

_RELAY_ROUTES: Final[Mapping[str, str]] = {
    f"GET {HEALTH_PATH}": "",
    f"POST {JOIN_PATH}": "",
    f"GET {EVENTS_PATH}": "as a WebSocket, with ?sid=",
    f"GET {PCM_PATH}": "as a WebSocket",
}


class LazyDoor:
    """Imports the WebRTC door's media libraries, which takes half a second, in a thread, while the API answers.

    If they cannot be imported, the API works without the door, whose answers say what to install.
    """

    def __init__(self, rooms: Rooms, clock: Clock, ids: Ids) -> None:
        self._rooms = rooms
        self._clock = clock
        self._ids = ids
        self._door: WebRtcDoor | None = None
        self._app: ASGIApp | None = None
        self._opening: asyncio.Task[None] | None = None

    def warm_up(self) -> None:
        """Start to import."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.warm_up()
        assert self._opening is not None
        await asyncio.shield(self._opening)
        assert self._app is not None
        await self._app(scope, receive, send)

    async def settled(self) -> None:
        """Wait until a running import has finished, because its thread cannot be stopped."""
        if self._opening is not None:
            await self._opening

    async def aclose(self) -> None:
        """Remove all clients of the door."""
        await self.settled()
        if self._door is not None:
            await self._door.aclose()

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(importlib.import_module, "offhook_mockserver.doors.webrtc.door")
        except Exception as error:  # a library for another system can raise any error
            problem = (
                f"the relay does not work, because its media libraries cannot be imported ({error}): "
                'run pip install "offhook[mock]" and start the mock again'
            )
            _log.warning("%s", problem)
            self._app = JsonAnswer(RefusalAnswer(Refusal("unavailable", problem)).to_json(), 503)
            return
        from offhook_mockserver.doors.webrtc.door import WebRtcDoor

        self._door = WebRtcDoor(self._rooms, self._clock, self._ids)
        # As elsewhere, no redirects, and an answer in JSON to unknown routes.
        self._app = Router([*self._door.routes(), UnknownRoute(_RELAY_ROUTES)], redirect_slashes=False)
