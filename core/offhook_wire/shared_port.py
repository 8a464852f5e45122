"""A UDP port that serves many ICE agents, so that one wake-up of the loop serves the packets of all.

A connectivity check names its receiver (the ufrag in USERNAME); once it has passed the receiver's integrity test, its
source address is the receiver's, and everything else from there goes to it. What comes from an address that no
authentic check has confirmed is dropped and counted, before anything is allocated for it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook_wire import stun_header as stun
from offhook_wire.collecting_socket import CollectingSocket
from offhook_wire.diversion import Diversion

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.media_counts import MediaCounts

#: Datagrams that are handled in one turn of the loop, before other callbacks have theirs.
MOST_HANDLED: Final = 64
#: Datagrams that are read in one turn; those that are not handled wait, up to a bound.
MOST_READ: Final = 256
#: Datagrams of one receiver that are handled in the turn in which they are read; more of them wait.
MOST_OF_ONE: Final = 8
#: Datagrams of one receiver that may wait; further ones are dropped and counted.
MOST_WAITING: Final = 256
#: Confirmed addresses of one receiver: with one more, the one that was confirmed longest ago is forgotten.
MOST_ADDRESSES: Final = 8
#: While the loop is blocked for this long, the system keeps all packets of a port, in seconds.
_BLOCKED_S: Final = 0.5
#: Packets a second of one receiver: audio, and some reports and checks.
_PACKETS_PER_S: Final = 55


class Place:
    """What an ICE agent has of a port.

    Args:
        port: the port.
        ufrag: the agent's name.
        take: called with each datagram for the agent and its source; a check is not authentic yet. Must not raise.
        counts: counts what is dropped.
    """

    __slots__ = ("addresses", "counts", "diversion", "diverted", "handled", "port", "take", "turn", "ufrag", "waiting")

    def __init__(
        self, port: SharedPort, ufrag: str, take: Callable[[bytes, tuple[str, int]], None], counts: MediaCounts
    ) -> None:
        self.port: SharedPort = port
        self.ufrag: bytes = ufrag.encode()
        self.take: Callable[[bytes, tuple[str, int]], None] = take
        self.counts: MediaCounts = counts
        #: The confirmed addresses, the latest last.
        self.addresses: dict[tuple[str, int], None] = {}
        #: In which turn of the port how many of its datagrams were handled.
        self.turn: int = 0
        self.handled: int = 0
        self.waiting: deque[tuple[bytes, tuple[str, int]]] = deque()
        #: The address from which too much came, and what takes it out of the port, if the system can.
        self.diverted: tuple[str, int] | None = None
        self.diversion: Diversion | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The port's host and number."""
        return self.port.address

    def confirm(self, address: tuple[str, int]) -> bool:
        """Note that an authentic check came from `address`; returns whether it is a new one of this agent.

        What comes from there is this agent's from now on, whosever it was: ports are used again.
        """
        return self.port.confirm(self, address)

    def expect(self, transaction: bytes) -> None:
        """Have the response to a request of this agent, which may come from an unconfirmed address."""
        self.port.expect(self, transaction)

    def forget(self, transaction: bytes) -> None:
        """Expect no response any more."""
        self.port.forget(transaction)

    def leave(self) -> None:
        """Have nothing of the port any more. Idempotent."""
        self.port.remove(self)


class SharedPort:
    """One socket and those who share it.

    Args:
        address: where to bind it.
        counts: counts what belongs to nobody.
        emptied: called when the last one has left; the port is closed then.

    Raises:
        OSError: it cannot be bound.
        NotImplementedError: the loop does not watch sockets.
    """

    def __init__(self, address: str, counts: MediaCounts, emptied: Callable[[SharedPort], object]) -> None:
        self._counts = counts
        self._emptied = emptied
        self._by_ufrag: dict[bytes, Place] = {}
        self._by_address: dict[tuple[str, int], Place] = {}
        self._by_transaction: dict[bytes, Place] = {}
        #: Those of whom something waits; whose turn is next is first.
        self._queue: deque[Place] = deque()
        self._turn_number = 0
        self._socket = CollectingSocket(address, self._turn)
        self.address: tuple[str, int] = self._socket.address
        #: With more, a loop that is blocked would lose packets.
        self._most: int = max(1, int(self._socket.holds / (_BLOCKED_S * _PACKETS_PER_S)))
        self.send: Callable[[bytes, tuple[str, int], MediaCounts], None] = self._socket.send

    @property
    def socket(self) -> CollectingSocket:
        """Its socket."""
        return self._socket

    def has_room_for(self, ufrag: str) -> bool:
        """Whether one more may share it, and nobody has this name."""
        return len(self._by_ufrag) < self._most and ufrag.encode() not in self._by_ufrag

    def add(self, ufrag: str, take: Callable[[bytes, tuple[str, int]], None], counts: MediaCounts) -> Place:
        """Give someone a place, see `Place`. There must be room for it."""
        place = Place(self, ufrag, take, counts)
        self._by_ufrag[place.ufrag] = place
        return place

    def remove(self, place: Place) -> None:
        """Forget someone, with all addresses; close the socket after the last. Idempotent."""
        if self._by_ufrag.get(place.ufrag) is not place:
            return
        del self._by_ufrag[place.ufrag]
        for address in tuple(place.addresses):
            self._forget_address(place, address)
        for transaction in [key for key, owner in self._by_transaction.items() if owner is place]:
            del self._by_transaction[transaction]
        if place.waiting:
            place.waiting.clear()
            self._queue.remove(place)
        if place.diversion is not None:
            place.diversion.close()
        if not self._by_ufrag:
            self._socket.close()
            self._emptied(self)

    def confirm(self, place: Place, address: tuple[str, int]) -> bool:
        """See `Place.confirm`."""
        new = address not in place.addresses
        place.addresses.pop(address, None)
        if len(place.addresses) == MOST_ADDRESSES:
            self._forget_address(place, next(iter(place.addresses)))
        place.addresses[address] = None
        self._by_address[address] = place
        return new

    def expect(self, place: Place, transaction: bytes) -> None:
        """See `Place.expect`."""
        self._by_transaction[transaction] = place

    def forget(self, transaction: bytes) -> None:
        """See `Place.forget`."""
        self._by_transaction.pop(transaction, None)

    def _forget_address(self, place: Place, address: tuple[str, int]) -> None:
        del place.addresses[address]
        if self._by_address.get(address) is place:
            del self._by_address[address]

    def _turn(self) -> tuple[int, bool]:
        """Handle what waits and what has arrived, so that nobody who sends much keeps the others waiting."""
        self._turn_number = turn = self._turn_number + 1
        left = MOST_HANDLED - self._hand_out(MOST_HANDLED // 2)
        read, by_address = self._socket.read, self._by_address
        for count in range(MOST_READ):
            datagram = read()
            if datagram is None:
                return count, bool(self._queue)
            data, address = datagram
            place = by_address.get(address)
            if place is None or not data or data[0] <= stun.LAST_FIRST_BYTE:
                place = self._receiver_of(data)
                if place is None:
                    self._counts.packets_stray += 1
                    continue
            if place.turn != turn:
                place.turn, place.handled = turn, 0
            if left > 0 and place.handled < MOST_OF_ONE and not place.waiting:
                place.handled += 1
                left -= 1
                place.take(data, address)
            else:
                self._keep(place, data, address)
        return MOST_READ, True

    def _keep(self, place: Place, data: bytes, address: tuple[str, int]) -> None:
        if len(place.waiting) == MOST_WAITING:
            place.counts.packets_stray += 1
            if address != place.diverted:
                self._divert(place, address)
            return
        if not place.waiting:
            self._queue.append(place)
        place.waiting.append((data, address))

    def _divert(self, place: Place, address: tuple[str, int]) -> None:
        """Keep what comes from an address that sends too much apart from what comes from others."""
        if place.diversion is not None:
            place.diversion.close()
        place.diverted, place.diversion = address, None
        with contextlib.suppress(OSError, NotImplementedError):
            place.diversion = Diversion(self._socket.raw, address, self._take_diverted)

    def _take_diverted(self, data: bytes, address: tuple[str, int]) -> None:
        place = self._by_address.get(address)
        if place is None or not data or data[0] <= stun.LAST_FIRST_BYTE:
            place = self._receiver_of(data)
        if place is None:
            self._counts.packets_stray += 1
        elif place.waiting:
            self._keep(place, data, address)
        else:
            place.take(data, address)

    def _hand_out(self, most: int) -> int:
        """Handle some of what waits, one datagram of each in turn; returns how many."""
        for count in range(most):
            if not self._queue:
                return count
            place = self._queue.popleft()
            data, address = place.waiting.popleft()
            if place.waiting:
                self._queue.append(place)
            place.take(data, address)
        return most

    def _receiver_of(self, data: bytes) -> Place | None:
        """Whose a STUN message is: a request's by the name in it, a response's by its transaction."""
        if not data or data[0] > stun.LAST_FIRST_BYTE:
            return None
        if stun.is_request(data):
            return self._by_ufrag.get(stun.ufrag_of(data))
        return self._by_transaction.get(stun.transaction_of(data))
