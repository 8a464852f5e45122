"""What all calls of a phone share, and the check that a call would work, made before anything rings."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError
from offhook.plugin.isolation import isolated

if TYPE_CHECKING:
    from offhook.call.admission import Admission
    from offhook.call.watchdog import Watchdog
    from offhook.interfaces import Carrier, Transport
    from offhook.interfaces.clock import Clock
    from offhook.interfaces.ids import Ids
    from offhook.plugin.manager import Plugins
    from offhook.records.stores import Stores


#: How long the check of a carrier or a transport may take.
_CHECK_TIMEOUT_S: Final = 10.0


class Affinity:
    """The process that a phone was made in, and the event loop that it is used on.

    A phone may be made before any loop runs, and may be used on several loops one after the other. It must not be used
    on two loops at once: events of calls on one loop would arrive on the thread of the other loop.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self, *, needs_loop: bool = False) -> None:
        """Make the running loop the phone's loop, if a loop runs and the phone has no other loop that is still open.

        Args:
            needs_loop: reject a caller on whose thread no event loop runs.

        Raises:
            CallStateError: this process was forked from the phone's process, to which the sockets, files and timers
                belong; or the phone's loop is another one, which is still open; or no loop runs, but one is needed.
        """
        if os.getpid() != self._pid:
            raise CallStateError(
                f"this phone was made in process {self._pid}, and this is a child that was forked from it, process "
                f"{os.getpid()}: make a phone of its own in the child, and leave calls to the process that placed them"
            )
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # a plain function, which starts nothing
            if needs_loop:
                raise CallStateError(
                    "this must run on the event loop of the phone, and no loop runs on this thread: use "
                    "loop.call_soon_threadsafe(function, *arguments)"
                ) from None
            return
        if running is self._loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise CallStateError(
                "this phone is used on another event loop, which is still open: make a phone for each loop, or use "
                "asyncio.run_coroutine_threadsafe(coroutine, loop) to run the coroutine on that loop"
            )
        self._loop = running


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
    watchdog: Watchdog | None = None
    residence: Affinity = field(default_factory=Affinity)

    def must_be_ours(self, *, needs_loop: bool = False) -> None:
        """Reject use in another process or on another loop than the phone's; see `Affinity.check`.

        Raises:
            CallStateError: see `Affinity.check`.
        """
        self.residence.check(needs_loop=needs_loop)

    async def check(self) -> None:
        """Check whether a call could be placed and joined.

        Raises:
            ConfigError, TransportError, PluginError: a call could not work; nothing has rung.
        """
        await isolated(self.carrier, "check", self.carrier.check, _CHECK_TIMEOUT_S)
        endpoint = self.carrier.endpoint
        await isolated(self.transport, "check", lambda: self.transport.check(endpoint), _CHECK_TIMEOUT_S)
