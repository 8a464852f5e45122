"""What a phone gives to each of its calls, and the check that it would work, made before anything rings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError
from offhook.isolation import isolated

if TYPE_CHECKING:
    from offhook.admission import Admission
    from offhook.clock import Clock
    from offhook.ids import Ids
    from offhook.interfaces import Carrier, Transport
    from offhook.plugins import Plugins
    from offhook.stores import Stores
    from offhook.watchdog import Watchdog

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
    admission: Admission
    watchdog: Watchdog | None = None
    pid: int = field(default_factory=os.getpid)

    def must_be_ours(self) -> None:
        """Refuse to be used in a child that was forked: its copies of sockets, files and timers are the parent's.

        Raises:
            CallStateError: this is another process than the one that the phone was made in.
        """
        if os.getpid() != self.pid:
            raise CallStateError(
                f"this phone was made in process {self.pid}, and this is a child that was forked from it, process "
                f"{os.getpid()}: make a phone of its own in the child, and leave calls to the process that placed them"
            )

    async def check(self) -> None:
        """Find out whether a call could be placed and joined.

        Raises:
            ConfigError, TransportError, PluginError: it could not; nothing has rung.
        """
        await isolated(self.carrier, "check", self.carrier.check, _CHECK_TIMEOUT_S)
        endpoint = self.carrier.endpoint
        await isolated(self.transport, "check", lambda: self.transport.check(endpoint), _CHECK_TIMEOUT_S)
