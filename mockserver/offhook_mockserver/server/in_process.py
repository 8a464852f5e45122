"""The mock on a test's loop: no socket and no thread, so that whole calls run in virtual time.

::

    async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock, mock.phone() as phone:
        async with phone.dial("+14155550123") as call:
            ...

The phone is real: it has the real Sendblue carrier, whose HTTP requests go to the mock's application on this loop, and
the transport ``memory`` into the mock's rooms. It uses the mock's clock and randomness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_settings, check_several, wrong
from offhook.call import Phone
from offhook.plugin import Plugins
from offhook_mockserver.server.asgi_transport import AsgiTransport
from offhook_mockserver.server.mock import Mock

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from offhook.interfaces import Store, Transport
    from offhook.session import CallPolicy


#: The discard port, where nothing listens: a request that misses the mock fails.
_PORT: Final = 9


class InProcessMock(Mock):
    """A mock of Sendblue and of the channel behind it, on this loop; for its arguments see `Mock`."""

    @property
    def port(self) -> int:
        """The port of its URL, although nothing listens there."""
        return _PORT

    def http(self) -> AsgiTransport:
        """A new HTTP transport to its application, for `httpx.AsyncClient`."""
        return AsgiTransport(self.app, refuses=lambda: self.entrance.refusing)

    def phone(
        self,
        *,
        policy: CallPolicy | None = None,
        plugins: Iterable[object] = (),
        store: Store | str | os.PathLike[str] | Sequence[Store | str | os.PathLike[str]] | None = None,
        transport: Transport | str = "memory",
        http: AsgiTransport | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Phone:
        """A phone that calls through this mock, as its first tenant.

        Args:
            policy, store: as for `Phone`.
            plugins: further plugins, besides the installed ones and this mock.
            transport: a transport that `transport()` returned, to control its network; or the name of a transport.
            http: an HTTP transport that `http()` returned, to cause faults on it.
            environment: settings that are added to the mock's, or replace them.

        Raises:
            ConfigError: an argument is of the wrong type.
            PluginError: one of `plugins` cannot be used.
        """
        more = check_several(plugins, "plugins", "a list of modules or objects with hooks")
        if transport is None:  # pyright: ignore[reportUnnecessaryComparison] - programs may pass anything
            raise wrong("transport", "the name of a transport, or what transport() returned", transport)
        if environment is not None:
            check_settings(environment, "environment")
        settings = {**self.environment, **(environment or {})}
        return Phone(
            policy=policy,
            plugins=Plugins.load([self, *more], settings, beside=self._plugins),
            store=store,
            transport=transport,
            environment=settings,
            clock=self.clock,
            ids=self.ids,
            http=self.http() if http is None else http,
        )
