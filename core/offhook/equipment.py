"""What a phone gives to each of its calls, and the check that it would work, made before anything rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.isolation import isolated

if TYPE_CHECKING:
    from offhook.clock import Clock
    from offhook.ids import Ids
    from offhook.interfaces import Carrier, DialGuard, Transport
    from offhook.plugins import Plugins
    from offhook.stores import Stores

#: How long a carrier or a transport may take to say whether it is ready.
_CHECK_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Equipment:
    """The parts that a call is made of."""

    carrier: Carrier
    transport: Transport
    plugins: Plugins
    stores: Stores
    clock: Clock
    ids: Ids

    @property
    def guard(self) -> DialGuard | None:
        """The first store that remembers who is being called, or None."""
        return self.stores.guard

    async def check(self) -> None:
        """Find out whether a call could be placed and joined.

        Raises:
            ConfigError, TransportError, PluginError: it could not; nothing has rung.
        """
        await isolated(self.carrier, "check", self.carrier.check, _CHECK_TIMEOUT_S)
        endpoint = self.carrier.endpoint
        await isolated(self.transport, "check", lambda: self.transport.check(endpoint), _CHECK_TIMEOUT_S)
