"""The UDP ports that many ICE agents share: opened when one needs a place, closed when the last has left."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids
from offhook_wire.media_counts import MediaCounts
from offhook_wire.shared_port import Place, SharedPort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Hexadecimal digits of an agent's name; aioice's own names have 4 letters, which are sometimes the same.
_UFRAG_DIGITS: Final = 16


class SharedPorts:
    """Opens ports as they are needed: one, unless the system's receive buffers are small. All are used on one loop.

    Args:
        addresses: where to bind; the first at which that is possible is used.
        counts: counts what belongs to nobody.
    """

    def __init__(self, addresses: Sequence[str], counts: MediaCounts | None = None) -> None:
        self._addresses = addresses
        self.counts: MediaCounts = counts or MediaCounts()
        self._ports: list[SharedPort] = []
        self._ids = Ids()

    @property
    def open(self) -> tuple[SharedPort, ...]:
        """The ports that are open; each is closed when the last place is given back."""
        return tuple(self._ports)

    def new_ufrag(self) -> str:
        """A name for an agent, random and long enough to differ from those of others."""
        return self._ids.hex(_UFRAG_DIGITS)

    def place(self, ufrag: str, take: Callable[[bytes, tuple[str, int]], None], counts: MediaCounts) -> Place:
        """Give an ICE agent a place at a port that has room and where nobody has its name.

        Args:
            ufrag: its name.
            take: called with each datagram for it and its source; a check is not authentic yet. Must not raise.
            counts: counts what is dropped.

        Raises:
            ConnectionError: no socket can be bound.
            NotImplementedError: the loop does not watch sockets.
        """
        port = next((port for port in self._ports if port.has_room_for(ufrag)), None)
        if port is None:
            port = self._open()
            self._ports.append(port)
        return port.add(ufrag, take, counts)

    def _open(self) -> SharedPort:
        for address in self._addresses:
            with contextlib.suppress(OSError):
                return SharedPort(address, self.counts, self._ports.remove)
        raise ConnectionError(f"no UDP socket can be bound to {' or '.join(self._addresses)}")
