"""The only module that uses names which aiortc and aioice do not promise; pinned to aiortc 1.16 and aioice 0.13.

It changes four things, each on one object and never process-wide: ICE gathers loopback addresses and nothing else,
its checks start at once instead of one every 20 ms, the socket passes media to a callback without queue or task, and
what any program can send to that socket is dropped and counted before aiortc or aioice raises, logs or keeps it.
The contract test asserts each name by name, and one behaviour of each override.
"""

# pyright: reportPrivateUsage=false
# Using private names is what this module is for.
from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

import pylibsrtp
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.stun import parse_message
from aiortc import RTCDtlsTransport, RTCIceGatherer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice.stun import Message

    from offhook_wire.impairment import Carries
    from offhook_wire.media_counts import MediaCounts

#: ICE offers these; ::1 only where the machine has it.
LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
#: The largest datagram that is read: libsrtp's buffer, and more than any network delivers in one piece.
MAX_DATAGRAM_BYTES: Final = 1500
#: Remote addresses of one connection, those included that ICE learns from checks: each costs a pair, a task and timers.
MAX_REMOTE_ADDRESSES: Final = 32
#: Datagrams of DTLS that may wait for the handshake; a flight has fewer than ten.
MAX_WAITING_DTLS: Final = 64
#: Bytes that may wait in a socket which the system does not empty.
MAX_UNSENT_BYTES: Final = 256 * 1024
#: libsrtp rejected a packet (forged, replayed, damaged, a number too far back), or its buffer is too small for it.
SRTP_ERRORS: Final = (pylibsrtp.Error, ValueError)

_COMPONENT: Final = 1
_UNTRIED: Final = (CandidatePair.State.WAITING, CandidatePair.State.FROZEN)
# First bytes of STUN are 0 to 3, of DTLS 20 to 63, of RTP and RTCP 128 to 191 (RFC 7983, section 7).
_LAST_STUN: Final = 3
_FIRST_DTLS, _LAST_DTLS = 20, 63
_FIRST_MEDIA, _LAST_MEDIA = 128, 191


class LoopbackConnection(Connection):
    """An ICE agent that stays on this machine.

    Args:
        controlling: its ICE role.
        on_media: is called with each RTP and RTCP packet, still encrypted, in the call in which its datagram is read.
        counts: counts what is dropped.
        incoming: impairs incoming datagrams.
        outgoing: impairs outgoing datagrams.

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
    ) -> None:
        super().__init__(ice_controlling=controlling)
        self.checks: int = 0
        self.counts = counts
        self.incoming = incoming
        self.outgoing = outgoing
        self._on_media = on_media

    async def gather_candidates(self) -> None:
        """Gather as aioice does, but do not ask the system for addresses, of which none is used."""
        if not self._local_candidates_start:
            self._local_candidates_start = True
            self._local_candidates += await self.get_component_candidates(_COMPONENT, [])
            self._local_candidates_end = True

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        """Bind loopback sockets. `addresses` is ignored: aioice leaves loopback out of what it finds."""
        loop = asyncio.get_running_loop()
        candidates: list[Candidate] = []
        for address in LOOPBACK_ADDRESSES:
            with contextlib.suppress(OSError):
                _, protocol = await loop.create_datagram_endpoint(
                    lambda: _MediaFirstProtocol(self), local_addr=(address, 0)
                )
                self._protocols.append(protocol)
                host, port = protocol.transport.get_extra_info("sockname")[:2]
                protocol.local_candidate = Candidate(
                    foundation=candidate_foundation("host", "udp", host),
                    component=component,
                    transport="udp",
                    # The first address gets the highest priority, so that its pair is used when there are two.
                    priority=candidate_priority(component, "host", local_pref=65_535 - len(candidates)),
                    host=host,
                    port=port,
                    type="host",
                )
                candidates.append(protocol.local_candidate)
        if not candidates:
            raise ConnectionError("no UDP socket can be bound to 127.0.0.1 or ::1")
        return candidates

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
        if _FIRST_MEDIA <= data[0] <= _LAST_MEDIA:
            self._on_media(data)
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
        """Send over the nominated pair in this call; do nothing while no pair is nominated."""
        pair = self._nominated.get(_COMPONENT)
        if pair is not None:
            self.put(pair.protocol.transport, data, pair.remote_addr)

    def put(self, transport: asyncio.DatagramTransport, data: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, through the impairment if there is one."""
        if self.outgoing is None:
            self._put_now(transport, data, address)
        else:
            self.outgoing.carry(data, lambda: self._put_now(transport, data, address))

    def _put_now(self, transport: asyncio.DatagramTransport, data: bytes, address: tuple[str, int]) -> None:
        # asyncio keeps what the system does not take, without a limit; every datagram transport can say how much it is.
        if transport.is_closing():
            return
        if cast("asyncio.WriteTransport", transport).get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.counts.packets_unsent += 1
        else:
            transport.sendto(data, address)

    def note_check(self, address: tuple[Any, ...]) -> None:
        """Count a STUN message from `address`, if media is sent there."""
        pair = self._nominated.get(_COMPONENT)
        if pair is not None and pair.remote_addr == address[:2]:
            self.checks += 1


class _MediaFirstProtocol(StunProtocol):
    """Does not try to read media and DTLS as STUN, and lets its connection impair datagrams in both directions."""

    def __init__(self, connection: LoopbackConnection) -> None:
        super().__init__(connection)
        self._connection = connection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        raw = cast("bytes", data)
        impairment = self._connection.incoming
        if impairment is None:
            self._take(raw, addr)
        else:
            impairment.carry(raw, lambda: None if self.transport.is_closing() else self._take(raw, addr))

    async def send_data(self, data: bytes, addr: tuple[str, int]) -> None:
        self._connection.put(self.transport, data, addr)

    def send_stun(self, message: Message, addr: tuple[str, int]) -> None:
        self._connection.put(self.transport, bytes(message), addr)

    def _take(self, raw: bytes, addr: tuple[Any, ...]) -> None:
        """Pass a datagram on, or drop it and count it. Never raises, whatever arrives and from wherever."""
        first = raw[0] if 0 < len(raw) <= MAX_DATAGRAM_BYTES else -1
        if _FIRST_MEDIA <= first <= _LAST_MEDIA or _FIRST_DTLS <= first <= _LAST_DTLS:
            # Any program on this machine can send to this socket; only the other side's addresses carry media.
            if self._connection.knows(addr):
                self.receiver.data_received(raw, _COMPONENT)
                return
        elif 0 <= first <= _LAST_STUN and (self._connection.knows(addr) or not self._connection.crowded):
            try:
                # aioice's parser raises errors that aioice does not expect, and it takes what it cannot parse for data.
                parse_message(raw)
                super().datagram_received(raw, addr)
            except Exception:  # also of a check that is authentic, and lacks what a check must have
                pass
            else:
                self._connection.note_check(addr)
                return
        # An empty datagram is one of these, and would end aiortc's DTLS transport.
        self._connection.counts.packets_stray += 1

    def error_received(self, exc: Exception) -> None:
        """Count what the system reports of an earlier datagram: it was not sent, or no socket is at its address."""
        self._connection.counts.packets_unsent += 1

    def _StunProtocol__log_debug(self, msg: str, *args: object) -> None:
        """Log nothing, in place of aioice's method, which logs each datagram."""


class LoopbackGatherer(RTCIceGatherer):
    """A gatherer with a `LoopbackConnection`, without STUN and TURN servers (by default aiortc uses one)."""

    def __init__(
        self,
        *,
        controlling: bool,
        on_media: Callable[[bytes], None],
        counts: MediaCounts,
        incoming: Carries | None = None,
        outgoing: Carries | None = None,
    ) -> None:
        super().__init__(iceServers=[])
        self.connection: LoopbackConnection = LoopbackConnection(
            controlling=controlling, on_media=on_media, counts=counts, incoming=incoming, outgoing=outgoing
        )
        # Set before an RTCIceTransport is made from this gatherer: the transport copies the connection's methods.
        self._connection = self.connection


def protect_rtp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Encrypt an RTP packet. The handshake must be over. Raises `SRTP_ERRORS`."""
    return bytes(dtls._tx_srtp.protect(data))


def protect_rtcp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Encrypt an RTCP packet. The handshake must be over. Raises `SRTP_ERRORS`."""
    return bytes(dtls._tx_srtp.protect_rtcp(data))


def unprotect_rtp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Decrypt an RTP packet. Raises `SRTP_ERRORS`."""
    return bytes(dtls._rx_srtp.unprotect(data))


def unprotect_rtcp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Decrypt an RTCP packet. Raises `SRTP_ERRORS`."""
    return bytes(dtls._rx_srtp.unprotect_rtcp(data))


def forget_ssrc(dtls: RTCDtlsTransport, ssrc: int) -> None:
    """Free what libsrtp keeps to decrypt an SSRC; its next packet would begin anew."""
    with contextlib.suppress(pylibsrtp.Error):  # it is gone already
        dtls._rx_srtp.remove_stream(ssrc)


def release(dtls: RTCDtlsTransport, connection: LoopbackConnection) -> None:
    """Free what a transport that was stopped holds in C libraries, and undo the circles of its connection.

    Python would free both too, once it looks for circles; until then it knows nothing of the size of the former.
    """
    stopped = cast("Any", dtls)  # aiortc's annotations do not say that these are None at first
    stopped._ssl = stopped._rx_srtp = stopped._tx_srtp = None
    connection._check_list.clear()
    connection._early_checks.clear()
    connection._on_media = _drop


def _drop(data: bytes) -> None:
    """Take media after the end."""
