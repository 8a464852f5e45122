"""Times at both ends of what is between the program and Agora's SDK: a pipe to a child process, or nothing.

Each frame carries the time at which one end passed it on, in place of its first samples; all processes of a machine
have the same monotonic clock. A frame that comes back carries the delay of one that went out as well.

As a module it is what the child runs: `offhook_agora.child.main`, with times.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import offhook_agora.child.main
import offhook_agora.inline_host
from offhook_agora.child.engine import Engine
from offhook_agora.child_host import ChildHost
from offhook_agora.inline_host import InlineHost
from offhook_agora.messages import Audio

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Mapping

    from offhook_agora.host import Host
    from offhook_agora.layout import SdkLayout
    from offhook_agora.messages import FromChild, Start, ToChild

#: When the frame was passed on, and how long one that went the other way took; nanoseconds, 0 for none.
_STAMP: Final = struct.Struct("<QQ")
#: Delays that wait for a frame that takes them back.
_MOST: Final = 10_000


class _StampingEngine(Engine):
    """The SDK's end: takes the times of what arrives, and stamps what leaves."""

    def __init__(self, start: Start, pid: int, emit: Callable[[FromChild | Audio], None], **others: Any) -> None:
        self._took_ns: deque[int] = deque(maxlen=_MOST)

        def stamped(message: FromChild | Audio) -> None:
            if isinstance(message, Audio) and len(message.pcm) >= _STAMP.size:
                took_ns = self._took_ns.popleft() if self._took_ns else 0
                message = _stamped(message, took_ns)
            emit(message)

        super().__init__(start, pid, stamped, **others)

    def handle(self, message: ToChild | Audio) -> None:
        if isinstance(message, Audio) and len(message.pcm) >= _STAMP.size:
            self._took_ns.append(time.monotonic_ns() - _STAMP.unpack_from(message.pcm)[0])
        super().handle(message)


def run(connection: socket.socket) -> int:
    """See `offhook_agora.child.main.run`."""
    vars(offhook_agora.child.main)["Engine"] = _StampingEngine
    return offhook_agora.child.main.run(connection)


class Delays:
    """The program's end.

    Attributes:
        up_ms: from the program's loop to the engine, one for each frame.
        down_ms: from the engine, on a thread of the SDK, to the program's loop.
    """

    def __init__(self) -> None:
        self.up_ms: list[float] = []
        self.down_ms: list[float] = []

    def heard(self, audio: Audio) -> None:
        """A frame has reached the loop."""
        if len(audio.pcm) >= _STAMP.size:
            now_ns = time.monotonic_ns()
            sent_ns, took_ns = _STAMP.unpack_from(audio.pcm)
            self.down_ms.append(_ms(now_ns - sent_ns))
            if took_ns:
                self.up_ms.append(_ms(took_ns))

    def take(self) -> tuple[list[float], list[float]]:
        """Those up and those down since the last call."""
        taken = self.up_ms, self.down_ms
        self.up_ms, self.down_ms = [], []
        return taken


def make_child_host(delays: Delays, layout: SdkLayout, settings: Mapping[str, str], starts: asyncio.Lock) -> ChildHost:
    """A child process with times."""

    class Stamping(ChildHost):
        def send(self, audio: Audio) -> None:
            super().send(_stamped(audio))

        def heard(self, audio: Audio) -> None:
            delays.heard(audio)
            super().heard(audio)

    return Stamping(layout, settings, starts, main=__name__)


def make_inline_host(delays: Delays, layout: SdkLayout, settings: Mapping[str, str], starts: asyncio.Lock) -> Host:
    """The SDK in this process, with times."""
    vars(offhook_agora.inline_host)["Engine"] = _StampingEngine

    class Stamping(InlineHost):
        def send(self, audio: Audio) -> None:
            super().send(_stamped(audio))

        def heard(self, audio: Audio) -> None:
            delays.heard(audio)
            super().heard(audio)

    return Stamping(layout, settings, starts)


def _stamped(audio: Audio, took_ns: int = 0) -> Audio:
    rest = audio.pcm[_STAMP.size :]
    return replace(audio, pcm=_STAMP.pack(time.monotonic_ns(), took_ns) + rest)


def _ms(ns: int) -> float:
    return round(ns / 1e6, 4)
