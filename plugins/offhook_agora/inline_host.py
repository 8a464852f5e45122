"""A host in this process: no pipe and no second process, and no protection from what the SDK does."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from offhook_agora.child.engine import Engine
from offhook_agora.host import Host
from offhook_agora.messages import PROTOCOL, Audio, Leave, Start
from offhook_agora.pipe import AUDIO_WINDOW, EVENT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_agora.layout import SdkLayout
    from offhook_agora.messages import FromChild, ToChild

#: How long leaving all channels may take at the end.
_STOP_S: Final = 1.5


class InlineHost(Host):
    """See `Host`. The SDK keeps its service in the process, so there is one app id in the life of a process.

    Args:
        layout: where the SDK is.
        settings: those of the phone; the SDK has the environment of the process.
        starts: for hosts that start a process.
    """

    def __init__(self, layout: SdkLayout, settings: Mapping[str, str], starts: asyncio.Lock) -> None:
        super().__init__()
        self._lock = threading.Lock()
        #: What the engine has said and the loop has not taken yet, and how much audio of each leg is in it.
        self._waiting: deque[FromChild | Audio] = deque()
        self._audio: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        start = Start(PROTOCOL, str(layout.package), str(layout.libraries), layout.version or None)
        self._engine = Engine(start, os.getpid(), self._emit)

    def post(self, message: ToChild) -> None:
        if not self.problem:
            self._engine.handle(message)

    def send(self, audio: Audio) -> None:
        if not self.problem:
            self._engine.handle(audio)

    def lost(self, number: int) -> int:
        return self._lost[number]

    def hung(self, reason: str) -> None:
        self.end(reason)

    async def aclose(self) -> None:
        """See `Host.aclose`."""
        await asyncio.to_thread(self._engine.stop, _STOP_S)
        self.end("it was stopped")

    def _emit(self, message: FromChild | Audio) -> None:  # on threads of the engine and of the SDK
        with self._lock:
            if isinstance(message, Audio):
                if self._audio[message.leg] >= AUDIO_WINDOW:
                    self._lost[message.leg] += 1
                    return
                self._audio[message.leg] += 1
            was_empty = not self._waiting
            self._waiting.append(message)
        if was_empty:
            try:
                self._loop.call_soon_threadsafe(self._take)
            except RuntimeError:  # the program ended its loop without closing the transport
                for number in tuple(self.seats):
                    self._engine.handle(Leave(number))

    def _take(self) -> None:
        with self._lock:
            messages, self._waiting = self._waiting, deque()
            self._audio.clear()
        if len(messages) > EVENT_WINDOW and sum(not isinstance(it, Audio) for it in messages) > EVENT_WINDOW:
            self.end(f"it reported more than {EVENT_WINDOW} events at once")
            return
        for message in messages:
            if isinstance(message, Audio):
                self.heard(message)
            else:
                self.received(message)
