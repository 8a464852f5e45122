"""An ICE agent on loopback: aioice's, with its checks at once, and datagrams passed on in the call that reads them."""

# pyright: reportPrivateUsage=false
# Using private names is what this package is for.
from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.stun import Class, Message, parse_message

from offhook.interfaces import Ids
from offhook_wire.stun_header import LAST_FIRST_BYTE
from offhook_wire.udp_socket import MAX_DATAGRAM_BYTES, MAX_UNSENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook_wire.impairment import Carries
    from offhook_wire.media_counts import MediaCounts

#: ICE offers these; ::1 only where the machine has it.
LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
#: Remote addresses of one connection, those included that ICE learns from checks: each costs a pair, a task and timers.
MAX_REMOTE_ADDRESSES: Final = 32
#: Datagrams of DTLS that may wait for the handshake; a flight has fewer than ten.
MAX_WAITING_DTLS: Final = 64

#: Hexadecimal digits of a name and of a password (RFC 8839, section 5.4: at least 24 and 128 bits).
_UFRAG_DIGITS: Final = 8
_PASSWORD_DIGITS: Final = 32
_COMPONENT: Final = 1
_UNTRIED: Final = (CandidatePair.State.WAITING, CandidatePair.State.FROZEN)
# First bytes of DTLS are 20 to 63, of RTP and RTCP 128 to 191 (RFC 7983, section 7).
_FIRST_DTLS, _LAST_DTLS = 20, 63
FIRST_MEDIA, LAST_MEDIA = 128, 191


class LoopbackConnection(Connection):
    """An ICE agent that stays on this machine.

    Args:
        controlling: its ICE role.
        on_media: is called with each RTP and RTCP packet, still encrypted, in the call in which its datagram is read.
        counts: counts what is dropped.
        incoming: impairs incoming datagrams.
        outgoing: impairs outgoing datagrams.
        ufrag: its name; None for a short random one.
        bind: makes its protocol at a socket of its own, and names that socket's host and number; None for sockets of
            asyncio, which it also gets if that raises `NotImplementedError`.
        addresses: where to bind sockets of its own; those at which that is impossible are left out.
        share: makes its protocol at a port that it shares, and names that port's host and number; None for sockets of
            its own, which it also gets if that raises `NotImplementedError`.

    Attributes:
        checks: STUN messages from the address to which media is sent.
    """

    def __init__(
        self,
        *,
        controlling: bool,
        on_media: Callable[[bytes], None],
        counts: MediaCounts,
        incoming: Carries | None = None,
        outgoing: Carries | None = None,
        ufrag: str | None = None,
        bind: Callable[[LoopbackConnection, str], tuple[MediaFirstProtocol, tuple[str, int]]] | None = None,
        addresses: Sequence[str] = LOOPBACK_ADDRESSES,
        share: Callable[[LoopbackConnection], tuple[MediaFirstProtocol, tuple[str, int]]] | None = None,
    ) -> None:
        ids = Ids()  # aioice asks the system for each letter
        super().__init__(
            ice_controlling=controlling,
            local_username=ufrag or ids.hex(_UFRAG_DIGITS),
            local_password=ids.hex(_PASSWORD_DIGITS),
        )
        self.checks: int = 0
        self.counts = counts
        self.incoming = incoming
        self.outgoing = outgoing
        self.on_media: Callable[[bytes], None] = on_media
        self._bind = bind
        self._addresses = addresses
        self._share = share
        self._sending_on: CandidatePair | None = None
        self._put: Callable[[bytes, tuple[str, int]], None]
        self._put_now: Callable[[bytes, tuple[str, int]], None]
        self._remote: tuple[str, int]

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Bind to loopback. `addresses` is ignored: aioice leaves loopback out of what it finds."""
        if self._share is not None:
            with contextlib.suppress(NotImplementedError):
                protocol, at = self._share(self)
                return [self._candidate(protocol, 0, *at)]
        candidates: list[Candidate] = []
        for address in self._addresses:
            with contextlib.suppress(OSError):
                protocol, at = await self._open_socket(address)
                candidates.append(self._candidate(protocol, len(candidates), *at))
        if not candidates:
            raise ConnectionError(f"no UDP socket can be bound to {' or '.join(self._addresses)}")
        return candidates

    async def _open_socket(self, address: str) -> tuple[MediaFirstProtocol, tuple[str, int]]:
        if self._bind is not None:
            with contextlib.suppress(NotImplementedError):
                return self._bind(self, address)
        loop = asyncio.get_running_loop()
        _, own = await loop.create_datagram_endpoint(lambda: OwnProtocol(self), local_addr=(address, 0))
        host, port = own.transport.get_extra_info("sockname")[:2]
        return own, (host, port)

    async def gather_candidates(self) -> None:
        """Gather as aioice does, but do not ask the system for addresses, of which none is used."""
        if not self._local_candidates_start:
            self._local_candidates_start = True
            self._local_candidates += await self.get_component_candidates(_COMPONENT, [])
            self._local_candidates_end = True

    def _candidate(self, protocol: StunProtocol, number: int, host: str, port: int) -> Candidate:
        self._protocols.append(protocol)
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=_COMPONENT,
            transport="udp",
            # The first address gets the highest priority, so that its pair is used when there are two.
            priority=candidate_priority(_COMPONENT, "host", local_pref=65_535 - number),
            host=host,
            port=port,
            type="host",
        )
        return protocol.local_candidate

    def _check_periodic(self) -> bool:
        """Start all waiting checks. Returning False makes `connect` await their result without its 20 ms sleep."""
        if self._remote_candidates_expected():
            return super()._check_periodic()
        if not self._check_list_done:
            for pair in tuple(self._check_list):
                if pair.state in _UNTRIED:
                    self.check_start_task(pair)
        return False

    def data_received(self, data: bytes, component: int) -> None:
        """Pass media to its callback; DTLS waits in aioice's queue for the handshake."""
        if FIRST_MEDIA <= data[0] <= LAST_MEDIA:
            self.on_media(data)
        elif self._queue.qsize() < MAX_WAITING_DTLS:
            super().data_received(data, component)
        else:
            self.counts.packets_stray += 1

    def knows(self, address: tuple[Any, ...]) -> bool:
        """Whether the other side sends from `address`: it named it, or sent an authentic check from there."""
        host, port = address[:2]
        return any(known.port == port and known._network_host == host for known in self._remote_candidates)

    @property
    def crowded(self) -> bool:
        """Whether no more remote addresses may be learned."""
        return len(self._remote_candidates) >= MAX_REMOTE_ADDRESSES

    def _Connection__log_info(self, msg: str, *args: object) -> None:
        """Log nothing, in place of aioice's method: a peer could cause any number of its lines."""

    def send_now(self, data: bytes) -> None:
        """Send on the nominated pair, in this call; do nothing without one."""
        pair = self._nominated.get(_COMPONENT)
        if pair is not None:
            if pair is not self._sending_on:  # aioice makes the address anew each time
                self._sending_on, self._remote = pair, pair.remote_addr
                protocol = cast("MediaFirstProtocol", pair.protocol)
                self._put, self._put_now = protocol.put, protocol.put_now
            put = self._put_now if self.outgoing is None else self._put  # called as it is, not as a method
            put(data, self._remote)

    def note_check(self, address: tuple[str, int]) -> None:
        """Count a STUN message from `address`, if media is sent there."""
        pair = self._nominated.get(_COMPONENT)
        if pair is not None and pair.remote_addr == address:
            self.checks += 1

    def is_authentic(self, request: Message) -> bool:
        """Whether a check is from the other side."""
        username = request.attributes.get("USERNAME", "")
        return self._valid_username(username) and request.check_message_integrity(self.local_password.encode())

    def move(self, request: Message) -> None:
        """Have media sent to where an authentic check comes from, once a check of ours has reached it."""
        if self._nominated and not self.ice_controlling:
            request.attributes["USE-CANDIDATE"] = None


class MediaFirstProtocol(StunProtocol):
    """Does not try to read media and DTLS as STUN, and lets its connection impair datagrams in both directions."""

    def __init__(self, connection: LoopbackConnection) -> None:
        super().__init__(connection)
        self.connection = connection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        raw, source = cast("bytes", data), cast("tuple[str, int]", addr[:2])
        impairment = self.connection.incoming
        if impairment is None:
            self._take(raw, source)
        else:
            impairment.carry(raw, lambda: None if self.is_closed() else self._take(raw, source))

    def put(self, data: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, through the impairment if there is one."""
        impairment = self.connection.outgoing
        if impairment is None:
            self.put_now(data, address)
        else:
            impairment.carry(data, lambda: self.put_now(data, address))

    async def send_data(self, data: bytes, addr: tuple[str, int]) -> None:
        self.put(data, addr)

    def send_stun(self, message: Message, addr: tuple[str, int]) -> None:
        self.put(bytes(message), addr)

    def is_closed(self) -> bool:
        """Whether nothing is taken or sent any more."""
        raise NotImplementedError

    def put_now(self, data: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, or count it. Never raises."""
        raise NotImplementedError

    def is_from_other_side(self, address: tuple[str, int]) -> bool:
        """Whether the other side is at this address, for all that is known."""
        raise NotImplementedError

    def take_stun(self, message: Message, address: tuple[str, int]) -> bool:
        """Pass a message on; returns False for one that is not for us."""
        raise NotImplementedError

    def _take(self, raw: bytes, address: tuple[str, int]) -> None:
        """Pass a datagram on, or drop it and count it. Never raises, whatever arrives and from wherever."""
        first = raw[0] if 0 < len(raw) <= MAX_DATAGRAM_BYTES else -1
        if FIRST_MEDIA <= first <= LAST_MEDIA or _FIRST_DTLS <= first <= _LAST_DTLS:
            # Any program on this machine can send to this socket; only the other side's addresses carry media.
            if self.is_from_other_side(address):
                self.receiver.data_received(raw, _COMPONENT)
                return
        elif 0 <= first <= LAST_FIRST_BYTE and (self.connection.knows(address) or not self.connection.crowded):
            try:
                # aioice's parser raises errors that aioice does not expect, and it takes what it cannot parse for data.
                if self.take_stun(parse_message(raw), address):
                    self.connection.note_check(address)
                    return
            except Exception:  # also of a check that is authentic, and lacks what a check must have
                pass
        # An empty datagram is one of these, and would end aiortc's DTLS transport.
        self.connection.counts.packets_stray += 1

    def error_received(self, exc: Exception) -> None:
        """Count what the system reports of an earlier datagram: it was not sent, or no socket is at its address."""
        self.connection.counts.packets_unsent += 1

    def _StunProtocol__log_debug(self, msg: str, *args: object) -> None:
        """Log nothing, in place of aioice's method, which logs each datagram."""


class OwnProtocol(MediaFirstProtocol):
    """With a socket of its own."""

    def is_closed(self) -> bool:
        return self.transport.is_closing()

    def put_now(self, data: bytes, address: tuple[str, int]) -> None:
        # asyncio keeps what the system does not take, without a limit; every datagram transport can say how much it is.
        if self.transport.is_closing():
            return
        if cast("asyncio.WriteTransport", self.transport).get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.connection.counts.packets_unsent += 1
        else:
            self.transport.sendto(data, address)

    def is_from_other_side(self, address: tuple[str, int]) -> bool:
        return self.connection.knows(address)

    def take_stun(self, message: Message, address: tuple[str, int]) -> bool:
        if message.message_class is Class.REQUEST:
            self.connection.request_received(message, address, self)
        elif (transaction := self.transactions.get(message.transaction_id)) is not None:
            transaction.response_received(message, address)
        return True
