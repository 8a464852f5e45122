"""The hosts of one transport: which one a leg joins in, how many legs share one, and when an idle one ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from offhook.errors import TransportUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from offhook_agora.host import Host

#: How long a host without legs is kept for the next call.
IDLE_S: Final = 5.0


class Hosts:
    """The hosts of one transport.

    Args:
        make: returns a new host, which starts by itself.
        most: how many legs share a host at most; None for one host that takes them all.
    """

    def __init__(self, make: Callable[[], Host], most: int | None) -> None:
        self._make = make
        self._most = most
        self._hosts: list[Host] = []
        self._timers: dict[Host, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @contextlib.asynccontextmanager
    async def reserved(self, app_id: str | None) -> AsyncGenerator[Host]:
        """A host that is ready, with a place for one more leg of `app_id` while the context lasts.

        Args:
            app_id: None for one that need not serve any leg.

        Raises:
            TransportUnavailable: the SDK cannot be used.
        """
        if self._closed:
            raise TransportUnavailable("this transport was closed: make a new one")
        host = self._choose(app_id)
        host.reserved += 1
        if app_id is not None:
            host.app_id = app_id
        if (timer := self._timers.pop(host, None)) is not None:
            timer.cancel()
        try:
            await host.ready()
            yield host
        finally:
            host.reserved -= 1
            self.release(host)

    def release(self, host: Host) -> None:
        """A leg has left its host: once no other is in it, it ends, unless it is needed soon."""
        if host.problem:
            self._end(host)
        elif host.idle and host not in self._timers and host in self._hosts:
            self._timers[host] = asyncio.get_running_loop().call_later(IDLE_S, self._end, host)

    async def aclose(self) -> None:
        """End all hosts. Idempotent."""
        self._closed = True
        for host in tuple(self._hosts):
            self._end(host)
        while self._ending:
            await asyncio.wait(self._ending)

    def _choose(self, app_id: str | None) -> Host:
        for host in tuple(self._hosts):
            if host.problem:
                self._end(host)
            elif app_id is None or self._most is None or self._fits(host, app_id, self._most):
                return host
        host = self._make()
        self._hosts.append(host)
        return host

    def _fits(self, host: Host, app_id: str, most: int) -> bool:
        return host.app_id in {None, app_id} and len(host.seats) + host.reserved < most

    def _end(self, host: Host) -> None:
        if (timer := self._timers.pop(host, None)) is not None:
            timer.cancel()
        if host in self._hosts:
            self._hosts.remove(host)
            ending = asyncio.create_task(host.aclose())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
