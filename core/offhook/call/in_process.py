"""Lets a test kit answer for a service in this process: phones that call its base URL reach it without a socket.

The program under test stays as it is: ``Phone.from_env()`` finds the base URL in its settings, and the objects that
belong to that base URL here.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces.environment import Environment
from offhook.plugin.discovery import DISABLE_VARIABLE
from offhook.records.stores import NO_STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    import httpx

    from offhook.interfaces import Store, Transport
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.ids import Ids
    from offhook.plugin.manager import Plugins


_BASE_URL: Final = "SENDBLUE_API_BASE_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcessService:
    """What phones use instead of the network, the machine's clock and the system's randomness.

    Attributes:
        base_url: the base URL of the service; phones with another one are left alone.
        http: returns a new HTTP transport to the service.
        transport: returns a new transport into its channels, for phones that name none.
        clock: the time, for phones that name none.
        ids: the randomness, for phones that name none.
        plugins: the installed plugins, loaded once for all phones that bring no plugins of their own; None to load them
            for each phone.
        store: takes the calls of phones that name no store and whose settings name none. It serves several phones,
            each of which closes it at its end. None if such calls are not kept.
        check_loop: called whenever such a phone is made or used, to reject an event loop on which the service's clock
            does not run; None accepts every loop.
    """

    base_url: str
    http: Callable[[], httpx.AsyncBaseTransport]
    transport: Callable[[], Transport]
    clock: Clock
    ids: Ids
    plugins: Plugins | None = None
    store: Store | None = None
    check_loop: Callable[[], None] | None = None

    def environment(
        self,
        settings: Environment,
        *,
        clock: Clock | None,
        ids: Ids | None,
        http: httpx.AsyncBaseTransport | None,
    ) -> Environment:
        """The settings of a phone with what it did not bring itself."""
        return Environment(
            settings,
            clock=self.clock if clock is None else clock,
            ids=self.ids if ids is None else ids,
            http=self.http() if http is None else http,
        )

    def shared_plugins(self, settings: Environment) -> Plugins | Iterable[object]:
        """The plugins of a phone that brings none; nothing if its settings disable some."""
        return () if self.plugins is None or settings.as_written(DISABLE_VARIABLE) else self.plugins

    def usual_store(self, named: str) -> Store | str:
        """The store of a phone that brings none; `named` is what its settings name."""
        return named if self.store is None or named != NO_STORE else self.store


_service: Final[ContextVar[InProcessService | None]] = ContextVar("offhook_in_process_service", default=None)


@contextlib.contextmanager
def reached_in_process(service: InProcessService) -> Generator[None]:
    """Let phones that are made in the body, and in tasks that are started there, reach `service` without a socket."""
    before = _service.get()
    _service.set(service)
    try:
        yield
    finally:
        _service.set(before)  # not by token: the body may end in another context than it began in


def clock_in_process() -> Clock | None:
    """The clock of the service that phones made here would reach in this process; None if they would reach none.

    Parts that keep time beside a phone use it, so that they agree with it about the present.
    """
    service = _service.get()
    return None if service is None else service.clock


def service_at(settings: Environment) -> InProcessService | None:
    """The service in this process that a phone with these settings calls; None if it calls any other."""
    service = _service.get()
    calls_it = service is not None and settings.as_written(_BASE_URL).rstrip("/") == service.base_url
    return service if calls_it else None
