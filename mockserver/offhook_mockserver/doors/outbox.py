"""The messages that wait to be sent over the WebSocket of a client: in order, and bounded, however slowly it reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect, WebSocketState

from offhook_mockserver.doors.limits import MOST_AUDIO, MOST_TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket


class Outbox:
    """The room fills it without waiting, and `pump` empties it.

    Args:
        on_behind: called once, when more than `MOST_TEXTS` texts would wait.

    Attributes:
        ended: set when no further messages are accepted, or none can be sent.
    """

    def __init__(self, on_behind: Callable[[], None]) -> None:
        self._on_behind = on_behind
        self._messages: deque[str | bytes] = deque()
        self._texts = 0
        self.ended: asyncio.Event = asyncio.Event()
        self._changed = asyncio.Event()

    def put(self, text: str) -> None:
        """Queue a text; ignored after `end`."""
        if self.ended.is_set():
            return
        if self._texts == MOST_TEXTS:
            self.end()
            self._on_behind()
            return
        self._texts += 1
        self._add(text)

    def put_audio(self, data: bytes) -> bool:
        """Queue a binary message; ignored after `end`.

        Returns:
            False if the oldest waiting binary message was dropped to make room, else True.
        """
        if self.ended.is_set():
            return True
        full = len(self._messages) - self._texts >= MOST_AUDIO
        if full:
            self._messages.remove(next(message for message in self._messages if isinstance(message, bytes)))
        self._add(data)
        return not full

    def end(self) -> None:
        """Close the WebSocket when the waiting messages have been sent. Idempotent."""
        self.ended.set()
        self._changed.set()

    async def pump(self, websocket: WebSocket) -> None:
        """Send messages until `end` is called or the WebSocket is lost."""
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
