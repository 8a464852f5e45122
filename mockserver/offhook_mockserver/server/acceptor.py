"""Accepts connections: a few in each turn, up to a limit of open ones, and none while no descriptor is free.

asyncio's own server accepts as many as its backlog in one turn. Without a free descriptor it also tries as often, logs
a traceback for each try, and has done so a thousand times before the next turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from typing import TYPE_CHECKING, Final

from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.limits import ACCEPT_PAUSE_S, ACCEPTS_PER_TURN, MAX_CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from offhook_mockserver.server.incidents import Incidents


#: Connections that wait in the system to be accepted.
_BACKLOG: Final = 1024
#: Descriptors that are kept for media sockets, recordings and files, if the process may open twice as many.
_RESERVED: Final = 128


class Acceptor:
    """Accepts the connections of one listener.

    Args:
        listener: a bound socket; it is closed by `close`.
        make_protocol: makes the protocol of a connection.
        connections: the protocols of the open connections.
        busy: the bytes that a client gets when `most` connections are open.
        incidents: counts connections that were turned away.
        most: how many connections may be open at once; by default, as many as the process's limit of files allows.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        connections: AbstractSet[object],
        *,
        busy: bytes,
        incidents: Incidents,
        most: int | None = None,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._connections = connections
        self._busy = busy
        self._incidents = incidents
        self._most = most_connections() if most is None else most
        self._loop = asyncio.get_running_loop()
        #: Connections that are being set up; they are among `connections` a moment before their tasks end.
        self._opening: dict[asyncio.Task[None], asyncio.BaseProtocol] = {}
        self._pause: asyncio.TimerHandle | None = None
        self._refusing = False
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self._resume()

    def refuse(self) -> None:
        """Refuse connections until `accept_again`: the port stays ours, and the system refuses for us. Idempotent.

        Where the system cannot do that, connections are accepted and closed.
        """
        if self._listener.fileno() < 0:  # it is closed
            return
        self._refusing = True
        address = self._listener.getsockname()
        with contextlib.suppress(OSError):  # Linux alone can do it
            self._listener.shutdown(socket.SHUT_RD)
            self._loop.remove_reader(self._listener)
            # A port that the system has chosen is free now; one that was asked for is still bound, which is an error.
            self._listener.bind(address)

    def accept_again(self) -> None:
        """End `refuse`. Idempotent."""
        if self._refusing and self._listener.fileno() >= 0:
            self._refusing = False
            self._listener.listen(_BACKLOG)
            self._resume()

    def stop(self) -> None:
        """Accept no more connections. Idempotent."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)

    async def close(self) -> None:
        """Close the listener, and wait for the connections that are being set up. Idempotent."""
        self.stop()
        self._listener.close()
        if self._opening:
            await asyncio.wait(self._opening)

    def _resume(self) -> None:
        self._pause = None
        if not self._refusing:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                client, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError:  # descriptors or memory have run out
                self._incidents.note(Incident.NO_DESCRIPTORS)
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(ACCEPT_PAUSE_S, self._resume)
                return
            if self._refusing:
                client.close()
                continue
            client.setblocking(False)
            if len(self._connections | set(self._opening.values())) >= self._most:
                self._turn_away(client)
                continue
            protocol = self._make_protocol()
            task = self._loop.create_task(self._open(client, protocol))
            self._opening[task] = protocol
            task.add_done_callback(self._opening.pop)

    async def _open(self, client: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, client)
        except OSError:  # it has been reset meanwhile
            client.close()

    def _turn_away(self, client: socket.socket) -> None:
        self._incidents.note(Incident.TURNED_AWAY)
        with contextlib.suppress(OSError):
            client.send(self._busy)
        client.close()


def most_connections() -> int:
    """How many connections may be open at once, by the limits of the mock and of the process."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(files - _RESERVED, files // 2))
