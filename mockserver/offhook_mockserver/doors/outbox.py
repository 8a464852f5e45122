"""What one client of a door is yet to be sent over its WebSocket: in order, and bounded, however slowly it reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocketDisconnect, WebSocketState

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket


#: Texts that a client has not read; one that is so far behind cannot know any more what happened.
MOST_TEXTS: Final = 256
#: Audio messages that a client has not read: 2 s of one talker. More would only be heard later still.
MOST_AUDIO: Final = 100


class Outbox:
    """Filled by the room without waiting, emptied by `pump`.

    Args:
        on_behind: called once, when the client is more than `MOST_TEXTS` texts behind.

    Attributes:
        ended: set when nothing more is to come, or can be sent.
    """

    def __init__(self, on_behind: Callable[[], None]) -> None:
        self._on_behind = on_behind
        self._messages: deque[str | bytes] = deque()
        self._texts = 0
        self.ended: asyncio.Event = asyncio.Event()
        self._changed = asyncio.Event()

    def put(self, text: str) -> None:
        """Send a text, after everything else; after `end` nothing more."""
        if self.ended.is_set():
            return
        if self._texts == MOST_TEXTS:
            self.end()
            self._on_behind()
            return
        self._texts += 1
        self._add(text)

    def put_audio(self, data: bytes) -> bool:
        """Send a binary message; False if the oldest one that waited had to be dropped for it."""
        if self.ended.is_set():
            return True
        full = len(self._messages) - self._texts >= MOST_AUDIO
        if full:
            self._messages.remove(next(message for message in self._messages if isinstance(message, bytes)))
        self._add(data)
        return not full

    def end(self) -> None:
        """Close the WebSocket when all has been sent. Idempotent."""
        self.ended.set()
        self._changed.set()

    async def pump(self, websocket: WebSocket) -> None:
        """Send, until the end or until the WebSocket is lost."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while self._messages or not self.ended.is_set():
                if not self._messages:
                    self._changed.clear()
                    await self._changed.wait()
                    continue
                message = self._messages.popleft()
                if isinstance(message, bytes):
                    await websocket.send_bytes(message)
                else:
                    self._texts -= 1
                    await websocket.send_text(message)
            if websocket.application_state is not WebSocketState.DISCONNECTED:
                await websocket.close()
        self.end()

    def _add(self, message: str | bytes) -> None:
        self._messages.append(message)
        self._changed.set()
