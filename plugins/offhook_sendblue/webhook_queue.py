"""Calls the application's function for each event, one at a time and apart from the requests that brought them."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError, PluginError
from offhook.plugin import isolated

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_sendblue.webhook_events import WebhookEvent

_log: Final = logging.getLogger("offhook.sendblue")


class EventQueue:
    """Events that wait for the application.

    Args:
        handler: called with each event, and awaited if it returns an awaitable.
        most: how many events may wait; beyond that, the oldest is dropped.
        timeout_s: how long the handler may take for one event. It is cancelled then, and left behind if it ignores
            that.

    Attributes:
        dropped: how many events were not handled, because too many waited or the queue was closed.
        failed: how many times the handler raised, or took too long.
    """

    def __init__(self, handler: Callable[[WebhookEvent], object], most: int, timeout_s: float) -> None:
        self.dropped: int = 0
        self.failed: int = 0
        self._handler = handler
        self._most = most
        self._timeout_s = timeout_s
        self._waiting: deque[WebhookEvent] = deque()
        self._worker: asyncio.Task[None] | None = None
        #: What was logged already: each kind of failure once.
        self._logged: set[str] = set()

    def put(self, event: WebhookEvent) -> None:
        """Add an event. It returns at once."""
        self._waiting.append(event)
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped += 1
            self._warn(f"more than {self._most} events of webhooks wait for on_event: the oldest are dropped")
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="offhook webhooks: on_event")

    async def aclose(self, timeout_s: float) -> None:
        """Wait until all events were handled, but at most `timeout_s`; drop the rest."""
        worker = self._worker
        if worker is not None:
            await asyncio.wait({worker}, timeout=timeout_s)
            worker.cancel()
            await asyncio.wait({worker})  # bounded, since the handler runs in a task of its own
        self.dropped += len(self._waiting)
        self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            call = partial(self._call, event)
            try:
                await isolated(self._handler, "on_event", call, self._timeout_s)
            except OffhookError as error:
                self.failed += 1
                cause = error.__cause__ or error
                # Not the text of what it raised, which may repeat what is in the event.
                why = cause.message if isinstance(cause, PluginError) else f"it raised {type(cause).__name__}"
                self._warn(f"on_event failed for an event {event.type}: {why}")

    async def _call(self, event: WebhookEvent) -> None:
        result = self._handler(event)
        if inspect.isawaitable(result):
            await result

    def _warn(self, sentence: str) -> None:
        if sentence not in self._logged:  # of few kinds: types of events and of errors
            self._logged.add(sentence)
            _log.warning("%s. This is logged once", sentence)
