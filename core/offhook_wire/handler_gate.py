"""What passes from a leg to its handler: nothing before `join` has returned, and nothing after `leave`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame, LegEvent, LegHandler

_log = logging.getLogger(__name__)


class HandlerGate:
    """Calls a handler. Events and audio wait until `open`, in order; after `close` they are dropped.

    A handler must not raise; an exception is logged, so that the leg can finish what it is doing.

    Args:
        handler: what to call.

    Attributes:
        uid: the leg's uid, for the log.
    """

    def __init__(self, handler: LegHandler) -> None:
        self.uid: int = 0
        self._handler = handler
        #: Calls to make in `open`; None after that.
        self._waiting: list[Callable[[], None]] | None = []
        self._closed = False
        self._failed = False

    def event(self, event: LegEvent) -> None:
        """Pass an event on."""
        if self._waiting is not None:
            self._waiting.append(lambda: self.event(event))
        elif not self._closed:
            try:
                self._handler.on_event(event)
            except Exception:
                _log.exception("the handler of leg %d failed on %r", self.uid, event)

    def audio(self, uid: int, frame: AudioFrame) -> None:
        """Pass on audio of the member `uid`."""
        if self._waiting is not None:
            self._waiting.append(lambda: self.audio(uid, frame))
        elif not self._closed:
            try:
                self._handler.on_audio(uid, frame)
            except Exception:
                if not self._failed:  # once, since audio arrives 50 times a second
                    self._failed = True
                    _log.exception("the handler of leg %d failed on audio; later failures are not logged", self.uid)

    def open(self) -> None:
        """Pass on what has waited, and from now on pass everything on immediately."""
        waiting, self._waiting = self._waiting, None
        for call in waiting or ():
            call()

    def close(self) -> None:
        """Call the handler no more. Idempotent."""
        self._closed = True
