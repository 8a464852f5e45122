"""The relay with a tenant that sends webhooks on the same loop, and a receiver of webhooks in a process of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tests.bench.far_offhook import Relay

from offhook.interfaces.ids import Ids
from offhook_mockserver.tenants.tenant import Tenants
from offhook_mockserver.tenants.webhooks.delivery import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.voice import Voice

    from offhook_mockserver.tenants.tenant import Tenant

_TICK_S: Final = 0.01
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


class WebhookRelay(Relay):
    """Commands: those of `Relay`, `register` a webhook, and `send` events."""

    def __init__(self) -> None:
        super().__init__()
        self.commands = {**self.commands, "register": self.register, "send": self.send}
        self._tenants = Tenants(Ids(1))
        self._tenant: Tenant = self._tenants.create()

    async def register(self, *, port: int) -> None:
        """Register a webhook of a receiver on this machine."""
        from offhook_mockserver.tenants.webhooks.hooks import Hook

        hook = Hook(f"http://127.0.0.1:{port}/webhooks")
        self._tenant.webhooks.registrations.add("call_log", [hook])

    async def send(self, *, count: int, per_s: float) -> float:
        """Send `count` events, `per_s` of them each second, and return how long it took until all had arrived."""
        webhooks, start_s = self._tenant.webhooks, time.monotonic()
        sent = 0
        while sent < count:
            due = min(count, int((time.monotonic() - start_s + _TICK_S) * per_s))
            for number in range(sent, due):
                event = {"event_type": "call_log", "call_id": f"ft_call_{number:016x}", "disposition": "connected"}
                webhooks.send("call_log", event, about=event["call_id"])
            sent = max(sent, due)
            await asyncio.sleep(_TICK_S)
        while webhooks.waiting:
            await asyncio.sleep(_TICK_S)
        took_s = time.monotonic() - start_s
        missed = [each for each in webhooks.deliveries if each.state is not DeliveryState.DELIVERED]
        if missed or webhooks.dropped:
            raise RuntimeError(f"not all webhooks were delivered: {missed[:1]}, {webhooks.dropped} dropped")
        return took_s

    async def close(self) -> None:
        await self._tenant.dispatcher.aclose()
        await super().close()


class Receiver:
    """Commands: `listen`, which returns the port, and `received`, which returns how many events have arrived."""

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {"listen": self.listen, "received": self.received}
        self._server: asyncio.Server | None = None
        self._received = 0

    async def listen(self) -> int:
        """Listen at a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def received(self) -> int:
        """How many events have arrived."""
        return self._received

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
                self._received += 1
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
