"""The far end of transports that join at the PCM door, for conformance kits: a door on loopback behind a wire.

The wire is a TCP proxy. While it is cut, it neither forwards data nor closes connections: both ends receive nothing, as
with an unplugged cable. It keeps the data that was on its way, as TCP does, unless the sender gives up in the meantime.
"""

from __future__ import annotations

from offhook.interfaces import SystemClock
from offhook_mockserver.doors.pcm.door import PcmDoor
from offhook_mockserver.far_ends.rooms import RoomsFarEnd
from offhook_mockserver.far_ends.wire import Wire
from offhook_mockserver.server.loop_server import LoopServer
from offhook_mockserver.server.loopback import LOOPBACK


class PcmFarEnd(RoomsFarEnd):
    """The PCM door, and the wire to it."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self._door = PcmDoor(self.rooms, self.ids)
        self._server = LoopServer(self._door)
        self._wire = Wire()

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self._wire.port}"

    async def start(self) -> None:
        await self._server.start()
        await self._wire.start(self._server.port)

    async def aclose(self) -> None:
        self.mend()
        self._server.stop_accepting()
        self.rooms.close_all()
        await self._door.aclose()
        await self._wire.aclose()
        await self._server.stop()

    def cut(self) -> None:
        self._wire.cut()

    def mend(self) -> None:
        self._wire.mend()
