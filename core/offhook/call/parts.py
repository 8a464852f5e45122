"""What all calls of a phone share, and the check that a call would work, made before anything rings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.call.preparation import prepare_audio
from offhook.errors import CallStateError
from offhook.interfaces.loops import LoopAffinity
from offhook.plugin.isolation import as_plugin_error, isolated

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.call.admission import Admission
    from offhook.call.reports import Reports
    from offhook.call.watchdog import Watchdog
    from offhook.interfaces import Carrier, Transport
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.ids import Ids
    from offhook.plugin.manager import Plugins
    from offhook.records.stores import Stores


#: How long the check of a carrier or a transport may take.
_CHECK_TIMEOUT_S: Final = 10.0


class Affinity(LoopAffinity):
    """The process that a phone was made in, and the event loop that it is used on.

    Args:
        check_loop: see `InProcessService`.
    """

    def __init__(self, check_loop: Callable[[], None] | None = None) -> None:
        self._pid = os.getpid()
        self._check_loop = check_loop
        super().__init__("this phone")

    def check(self, *, needs_loop: bool = False) -> None:
        """See `LoopAffinity.check`.

        Raises:
            CallStateError: as there; or this process was forked from the phone's process, to which the sockets, files
                and timers belong.
        """
        if os.getpid() != self._pid:
            raise CallStateError(
                f"this phone was made in process {self._pid}, and this is a child that was forked from it, process "
                f"{os.getpid()}: make a phone of its own in the child, and leave calls to the process that placed them"
            )
        if self._check_loop is not None:
            self._check_loop()
        super().check(needs_loop=needs_loop)


@dataclass(frozen=True, slots=True)
class PhoneParts:
    """The parts that a call is made of."""

    carrier: Carrier
    transport: Transport
    plugins: Plugins
    stores: Stores
    clock: Clock
    ids: Ids
    admission: Admission
    reports: Reports
    watchdog: Watchdog | None = None
    affinity: Affinity = field(default_factory=Affinity)

    def must_be_ours(self, *, needs_loop: bool = False) -> None:
        """Reject use in another process, on another thread or on another loop than the phone's; see `Affinity.check`.

        Raises:
            CallStateError: see `Affinity.check`.
        """
        self.affinity.check(needs_loop=needs_loop)

    async def check(self) -> None:
        """Check whether a call could be placed and joined, and import what it may need to play audio.

        Raises:
            ConfigError, TransportError, PluginError: a call could not work; nothing has rung.
        """
        carrier, transport = self.carrier, self.transport
        await isolated(carrier, "check", lambda: carrier.check(), _CHECK_TIMEOUT_S)
        try:
            endpoint = carrier.endpoint
        except BaseException as error:
            raise as_plugin_error(carrier, "endpoint", error) from error
        await isolated(transport, "check", lambda: transport.check(endpoint), _CHECK_TIMEOUT_S)
        await prepare_audio(self.plugins)
