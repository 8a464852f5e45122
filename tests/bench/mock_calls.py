"""Whole calls through a mock: the mock in one process, a `Phone` that calls through its HTTP API in another."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from tests.bench.near_offhook import UNLIMITED, Calls

from offhook import Phone
from offhook.plugin import Plugins
from offhook_mockserver.server import Answer, EntryKind, MockServer, Noise, Script

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
        self._mock = MockServer(script_for=lambda number: _SCRIPT)

    async def open(self, *, calls: int) -> list[dict[str, object]]:
        """Start it. Each place holds the settings to call through it, and the token to control it."""
        await self._mock.start()
        token = self._mock.control_token.reveal()
        return [{"environment": self._mock.environment, "port": self._mock.port, "token": token}] * calls

    async def note(self, *, count: int, pause_s: float) -> None:
        """Add `count` entries, one after each pause."""
        for number in range(count):
            await asyncio.sleep(pause_s)
            fields = {"number": number, "happened_s": time.monotonic()}
            self._mock.tenant.journal.add(EntryKind.NOTE, "a note of the benchmark", fields=fields)

    async def close(self) -> None:
        """Stop it."""
        await self._mock.aclose()


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
