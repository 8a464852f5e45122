"""Whole calls through a mock: the mock in one process, a `Phone` that calls through its HTTP API in another."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

from tests.bench.near_offhook import UNLIMITED, Calls

from offhook import Phone
from offhook.plugin import Plugins
from offhook_mockserver.server import Answer, EntryKind, MockServer, MockSettings, Noise, Script

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.process import Place
    from tests.bench.voice import Voice

#: What every callee does: it sends a frame every 20 ms until the caller hangs up.
_SCRIPT: Final = Script("makes noise", (Answer(), Noise()))


class MockRole:
    """A mock with a callee at every number.

    Commands: `open`, and `note`, which adds entries with the time of their making to the journal.
    """

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {"open": self.open, "note": self.note}
        # What is measured must not be refused on a busy machine.
        self._mock = MockServer(MockSettings(late_limit_ms=None), script_for=lambda number: _SCRIPT)
        self._bare = BareStream()

    async def open(self, *, calls: int) -> list[dict[str, object]]:
        """Start it. Each place holds the settings to call through it, and the token to control it."""
        await self._mock.start()
        token = self._mock.control_token.reveal()
        place = {"environment": self._mock.environment, "port": self._mock.port, "token": token}
        return [{**place, "bare_port": await self._bare.start()}] * calls

    async def note(self, *, count: int, pause_s: float) -> None:
        """Add `count` entries, one after each pause, and write as many lines to the bare stream in between."""
        for number in range(count):
            await asyncio.sleep(pause_s)
            fields = {"number": number, "happened_s": time.monotonic()}
            self._mock.tenant.journal.add(EntryKind.NOTE, "a note of the benchmark", fields=fields)
            await asyncio.sleep(pause_s)
            self._bare.write({"fields": {"number": number, "happened_s": time.monotonic()}})

    async def close(self) -> None:
        """Stop it."""
        self._bare.close()
        await self._mock.aclose()


class BareStream:
    """What a stream of events is compared with: lines over TCP to whoever has connected, and nothing else."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def write(self, event: object) -> None:
        """Send a line."""
        for writer in self._writers:
            writer.write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def close(self) -> None:
        """Close everything."""
        for writer in self._writers:
            writer.close()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)


class MockCalls(Calls):
    """Calls of a phone through the mock that its places name."""

    def _phone_to(self, places: list[Place]) -> Phone:
        settings: Any = places[0]["environment"]  # it came as JSON, from MockRole.open
        return Phone(
            plugins=Plugins.load([], settings),
            transport=self.transport(),
            environment=settings,
            load_policy=UNLIMITED,
        )
