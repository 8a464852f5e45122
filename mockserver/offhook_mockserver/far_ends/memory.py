"""The far end of the transport ``memory``, for conformance kits: rooms in the same process, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.plugin import hookimpl
from offhook.testing import LoopClock
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.far_ends.rooms import RoomsFarEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces import Environment
    from offhook.plugin import TransportRegistry


#: The discard port, where nothing listens: a grant needs a port.
_PORT: Final = 9


class MemoryFarEnd(RoomsFarEnd):
    """A far end that is also a plugin: loaded with the others, it registers ``memory``, which joins its own rooms."""

    virtual_time = True

    def __init__(self) -> None:
        super().__init__(LoopClock())
        self.plugins: Sequence[object] = (self,)
        self._transports: list[MemoryTransport] = []
        self._cut = False

    @hookimpl
    def offhook_transport(self, registry: TransportRegistry) -> None:
        """Register ``memory``."""
        registry.add("memory", self._make, summary="PCM into the rooms of this far end")

    async def start(self) -> None:
        pass

    async def aclose(self) -> None:
        self.rooms.close_all()

    @property
    def port(self) -> int:
        """The port of its URL, although nothing listens there."""
        return _PORT

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{_PORT}"

    @property
    def endpoint(self) -> str:
        return self.url

    def cut(self) -> None:
        self._cut = True
        for transport in self._transports:
            transport.cut()

    def mend(self) -> None:
        self._cut = False
        for transport in self._transports:
            transport.mend()

    def _make(self, environment: Environment) -> MemoryTransport:
        transport = MemoryTransport(self)
        if self._cut:
            transport.cut()
        self._transports.append(transport)
        return transport
