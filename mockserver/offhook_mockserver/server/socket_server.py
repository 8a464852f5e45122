"""The mock server: one tenant at the start, Sendblue's API, rooms, callees and the doors, on loopback only.

::

    async with MockServer() as server:
        server.url, server.tenant.api_key, server.from_number

It runs on the loop on which it is started. Its only thread imports the media libraries.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_flag, check_instance, check_path, check_whole
from offhook_mockserver.callees.usual import script_for
from offhook_mockserver.server.lazy_door import LazyDoor
from offhook_mockserver.server.loop_server import LoopServer
from offhook_mockserver.server.loopback import LOOPBACK
from offhook_mockserver.server.mock import Mock
from offhook_mockserver.tenants.own_load import LATE_LIMIT_MS, check_late_limit
from offhook_mockserver.tenants.settings import check_tenant_bounds, check_tenant_settings
from offhook_mockserver.tenants.webhooks.targets import check_webhook_hosts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from offhook.interfaces import Clock, Ids
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.doors.pcm.door import PcmDoor
    from offhook_mockserver.tenants.call import CallEvent
    from offhook_mockserver.tenants.settings import TenantBounds, TenantSettings


_log = logging.getLogger(__name__)

_HTTP_PORT: Final = 80
_STOP_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSettings:
    """Settings of a server.

    Attributes:
        port: where it listens on 127.0.0.1; 0 lets the system choose the port.
        recordings: an existing or new folder for what callees hear, as a path or text; or None.
        tenant: how calls of its first tenant behave.
        bounds: how much its first tenant may use.
        open_to_any_keys: whether a key pair that no tenant has gets a tenant when a client shows it; 100 at most.
        webhook_hosts: where webhooks may be posted beside this machine; see `Mock`.
        late_limit_ms: how late its event loop may be when a call is started, in milliseconds; None for no limit.

    Raises:
        ConfigError: one of them is of the wrong type, or the port is not one.
    """

    port: int = 0
    recordings: str | os.PathLike[str] | None = None
    tenant: TenantSettings | None = None
    bounds: TenantBounds | None = None
    open_to_any_keys: bool = False
    webhook_hosts: tuple[str, ...] = ()
    late_limit_ms: float | None = LATE_LIMIT_MS

    def __post_init__(self) -> None:
        check_whole(self.port, "port", least=0, most=65_535)
        if self.recordings is not None:
            check_path(self.recordings, "recordings", "recordings")
        if self.tenant is not None:
            check_tenant_settings(self.tenant, "tenant")
        if self.bounds is not None:
            check_tenant_bounds(self.bounds)
        check_flag(self.open_to_any_keys, "open_to_any_keys")
        check_late_limit(self.late_limit_ms)
        object.__setattr__(self, "webhook_hosts", check_webhook_hosts(self.webhook_hosts))


class MockServer(Mock):
    """A mock of Sendblue and of the channel behind it, behind a socket.

    Args:
        settings: where it listens and what it records.
        clock, ids, plugins, script_for, on_event: see `Mock`.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    def __init__(
        self,
        settings: MockSettings | None = None,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        plugins: Plugins | None = None,
        script_for: Callable[[str], Script] = script_for,
        on_event: Callable[[CallEvent], None] = lambda event: None,
    ) -> None:
        if settings is not None:
            check_instance(settings, "settings", MockSettings, "MockSettings(...)")
        self.settings: MockSettings = settings or MockSettings()
        super().__init__(
            clock=clock,
            ids=ids,
            plugins=plugins,
            tenant=self.settings.tenant,
            bounds=self.settings.bounds,
            recordings=self.settings.recordings,
            script_for=script_for,
            on_event=on_event,
            open_to_any_keys=self.settings.open_to_any_keys,
            webhook_hosts=self.settings.webhook_hosts,
            late_limit_ms=self.settings.late_limit_ms,
        )
        self._door = LazyDoor(self.rooms, self.clock, self.ids, imported=lambda: self.calls)
        self._port = 0
        self._own_names: frozenset[str] = frozenset()
        self._server: LoopServer | None = None

    @cached_property
    def _pcm_door(self) -> PcmDoor:
        from offhook_mockserver.doors.pcm.door import PcmDoor

        return PcmDoor(self.rooms, self.ids)

    @property
    def port(self) -> int:
        """The port that the server listens on; 0 while it does not listen."""
        return self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port is in use or not allowed.
            StorageError: the folder for recordings cannot be written.
        """
        await super().start()
        server = LoopServer(self.app)
        await server.start(self.settings.port)
        self._server, self._port, self._own_names = server, server.port, _names(server.port)
        self.entrance.on_change = server.refuse
        server.refuse(self.entrance.refusing)
        self._door.warm_up()

    async def imported(self) -> None:
        """Wait until everything that calls need is imported, which begins shortly after the start."""
        await self._door.opened()

    async def aclose(self) -> None:
        """End all calls, finish their recordings and close all sockets. Idempotent; what is left after 1 s is cut off.

        If the server is still importing its media libraries, this waits for the import as well.
        """
        server, self._server = self._server, None
        if server is None:
            return
        try:
            server.stop_accepting()
            self._end_control()
            await self._door.settled()
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._close_calls()
                await self.dispatcher.aclose()
                await self._door.aclose()
                if "_pcm_door" in vars(self):
                    await self._pcm_door.aclose()
        except TimeoutError:
            _log.warning("calls did not end within %g s", _STOP_TIMEOUT_S)
        finally:
            self.rooms.close_all()
            await server.stop()

    def _hosts(self) -> frozenset[str]:
        return self._own_names

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request for the PCM door to that door, and any other request to the WebRTC door."""
        from offhook_wire.pcm_protocol import PCM_PATH

        pcm = scope["path"] == PCM_PATH and scope.get("method", "GET") == "GET"
        await (self._pcm_door if pcm else self._door)(scope, receive, send)


def _names(port: int) -> frozenset[str]:
    """The accepted values of a Host header for a server at this port."""
    names = {LOOPBACK, "localhost"}
    with_port = {f"{name}:{port}" for name in names}
    # Clients omit the default port of http (RFC 9110, section 4.2.3).
    return frozenset(with_port | names if port == _HTTP_PORT else with_port)
