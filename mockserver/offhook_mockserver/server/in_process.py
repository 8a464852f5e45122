"""The mock on the loop of a test: no socket and no thread, so that whole calls run in virtual time.

::

    async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock, mock.phone() as phone:
        async with phone.dial("+14155550123") as call:
            ...

The phone is a real one: the real Sendblue carrier, over HTTP that is handed to the mock's application on this loop, and
the transport ``memory`` into its rooms. Clock and randomness are the mock's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.call import Phone
from offhook_mockserver.server.asgi_transport import AsgiTransport
from offhook_mockserver.server.mock import Mock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook.interfaces import Store, Transport
    from offhook.session import CallPolicy


#: The discard port, where nothing listens: what is not led to the mock finds nobody.
_PORT: Final = 9


class InProcessMock(Mock):
    """A mock of Sendblue and of the channel behind it, on this loop; for its arguments see `Mock`."""

    @property
    def port(self) -> int:
        """The port of its URL, where in truth nothing listens."""
        return _PORT

    def http(self) -> AsgiTransport:
        """A new way for HTTP clients to its application."""
        return AsgiTransport(self.app)

    def phone(
        self,
        *,
        policy: CallPolicy | None = None,
        plugins: Iterable[object] = (),
        store: Store | str | None = None,
        transport: Transport | str = "memory",
        http: AsgiTransport | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Phone:
        """A phone that calls through this mock, as its first tenant.

        Args:
            policy, store: as for `Phone`.
            plugins: beside the installed ones and this mock.
            transport: one of `transport()`, to have its network in hand; or a name.
            http: one of `http()`, to make trouble on it.
            environment: further settings, or others.
        """
        return Phone(
            policy=policy,
            plugins=[self, *plugins],
            store=store,
            transport=transport,
            environment={**self.environment, **(environment or {})},
            clock=self.clock,
            ids=self.ids,
            http=http or self.http(),
        )
