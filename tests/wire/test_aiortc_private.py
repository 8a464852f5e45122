"""The contract with aiortc and aioice: each private name by name, and one behaviour of each override.

When this fails after an upgrade, offhook_wire/aiortc_private is what has to change, and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from typing import cast

import pylibsrtp
import pytest
from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from OpenSSL import SSL

from offhook.interfaces.ids import Ids
from offhook_wire import aiortc_private as private
from offhook_wire import rtp
from offhook_wire.aiortc_private.connection import OwnProtocol
from offhook_wire.impairment import Impairment
from offhook_wire.media_counts import MediaCounts
from offhook_wire.rtp_out import OutStream

CONNECTION_ATTRIBUTES = (
    "_protocols",
    "_check_list",
    "_check_list_done",
    "_nominated",
    "_queue",
    "_remote_candidates",
    "_early_checks",
    "_local_candidates",
    "_local_candidates_start",
    "_local_candidates_end",
)
CONNECTION_METHODS = (
    "_check_periodic",
    "_remote_candidates_expected",
    "check_start_task",
    "data_received",
    "gather_candidates",
    "get_component_candidates",
    "request_received",
    "_valid_username",
)


@pytest.mark.parametrize(("package", "version"), [("aiortc", "1.16."), ("aioice", "0.13."), ("pylibsrtp", "1.0.")])
def test_the_versions_are_those_that_were_read(package: str, version: str) -> None:
    assert importlib.metadata.version(package).startswith(version)


@pytest.mark.parametrize("name", CONNECTION_METHODS)
def test_connection_has_the_method(name: str) -> None:
    assert callable(getattr(Connection, name))


@pytest.mark.parametrize("name", CONNECTION_ATTRIBUTES)
def test_connection_has_the_attribute(name: str) -> None:
    async def main() -> None:
        assert hasattr(Connection(ice_controlling=True), name)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["WAITING", "FROZEN"])
def test_candidate_pairs_have_the_state(name: str) -> None:
    assert name in CandidatePair.State.__members__


@pytest.mark.parametrize("name", ["_rx_srtp", "_tx_srtp", "_ssl"])
def test_the_dtls_transport_has_the_srtp_session(name: str) -> None:
    async def main() -> None:
        ice = RTCIceTransport(RTCIceGatherer([]))
        assert hasattr(RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()]), name)

    asyncio.run(main())


def test_answers_find_their_request_by_its_transaction() -> None:
    async def main() -> None:
        assert StunProtocol(Connection(ice_controlling=True)).transactions == {}

    asyncio.run(main())


@pytest.mark.parametrize("name", ["_srtp", "_cdata", "_buffer"])
def test_an_srtp_session_has_the_memory(name: str) -> None:
    assert hasattr(pylibsrtp.Session(), name)


@pytest.mark.parametrize(
    "name", ["srtp_protect", "srtp_protect_rtcp", "srtp_unprotect", "srtp_unprotect_rtcp", "srtp_err_status_ok"]
)
def test_libsrtp_has_the_function(name: str) -> None:
    assert hasattr(pylibsrtp._binding.lib, name)


def test_our_way_to_libsrtp_does_what_pylibsrtps_does() -> None:
    class Transport:
        """What a DTLS transport has after the handshake."""

        def __init__(self) -> None:
            key = bytes(range(30))
            self._tx_srtp = pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
            self._rx_srtp = pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND))

    theirs, transport = Transport(), Transport()
    ours = private.Ciphers(cast("RTCDtlsTransport", transport))
    for sequence in range(3):
        packet = rtp.RtpPacket(111, False, sequence, 960 * sequence, 7, b"opus" * (sequence + 1)).encode()
        protected = ours.protect_rtp(packet)
        assert protected == theirs._tx_srtp.protect(packet)
        assert ours.unprotect_rtp(protected) == packet
    report = OutStream(Ids(1)).bye()
    protected = ours.protect_rtcp(report)
    assert protected == theirs._tx_srtp.protect_rtcp(report)
    assert ours.unprotect_rtcp(protected) == report
    with pytest.raises(pylibsrtp.Error, match="replay"):
        ours.unprotect_rtcp(protected)
    with pytest.raises(ValueError, match="too long"):
        ours.protect_rtp(bytes(1400))
    with pytest.raises(ValueError, match="too long"):
        ours.unprotect_rtp(bytes(1501))


def test_a_transport_takes_its_context_from_the_certificate() -> None:
    assert callable(RTCCertificate._create_ssl_context)

    async def main() -> None:
        certificate = private.SharedCertificate.generateCertificate()
        transport = RTCDtlsTransport(RTCIceTransport(RTCIceGatherer([])), [certificate])
        assert transport._srtp_profiles
        context = certificate._create_ssl_context(transport._srtp_profiles)
        assert certificate._create_ssl_context(transport._srtp_profiles) is context, "it is made once"
        assert context.get_session_cache_mode() == SSL.SESS_CACHE_OFF, "no session outlives its connection"
        theirs = RTCCertificate(certificate._key, certificate._cert)
        assert transport.getLocalParameters().fingerprints == theirs.getFingerprints()

    asyncio.run(main())


def test_srtp_can_forget_a_stream() -> None:
    assert callable(pylibsrtp.Session.remove_stream)


def test_the_gatherers_connection_is_the_one_the_transport_takes() -> None:
    async def main() -> None:
        gatherer = private.LoopbackGatherer(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        ice = RTCIceTransport(gatherer)
        assert ice.role == "controlling", "the role is that of our connection"
        await gatherer.gather()
        assert [c.ip for c in gatherer.getLocalCandidates()] == [c.host for c in gatherer.connection.local_candidates]
        await gatherer.connection.close()

    asyncio.run(main())


def test_the_system_is_not_asked_for_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take longer than everything else that gathering does."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", None)

    async def main() -> None:
        connection = private.LoopbackConnection(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        await connection.gather_candidates()
        gathered = connection.local_candidates
        await connection.gather_candidates()
        assert connection.local_candidates == gathered
        assert gathered
        await connection.close()

    asyncio.run(main())


def test_there_is_no_stun_or_turn_server() -> None:
    async def main() -> None:
        connection = private.LoopbackGatherer(
            controlling=True, on_media=lambda data: None, counts=MediaCounts()
        ).connection
        assert (connection.stun_server, connection.turn_server) == (None, None)

    asyncio.run(main())


def test_candidates_are_loopback_whatever_the_machine_has() -> None:
    async def main() -> None:
        connection = private.LoopbackConnection(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        candidates = await connection.get_component_candidates(1, ["192.0.2.1"])
        assert candidates[0].host == "127.0.0.1"
        assert {candidate.host for candidate in candidates} <= {"127.0.0.1", "::1"}
        assert {candidate.type for candidate in candidates} == {"host"}
        await connection.close()

    asyncio.run(main())


def test_media_reaches_the_callback_and_the_rest_the_queue() -> None:
    async def main() -> None:
        media: list[bytes] = []
        connection = private.LoopbackConnection(controlling=True, on_media=media.append, counts=MediaCounts())
        await connection.gather_candidates()
        protocol = connection._protocols[0]
        assert isinstance(protocol, StunProtocol)
        await connection.add_remote_candidate(remote(9))
        for first in (128, 191):
            protocol.datagram_received(bytes((first,)) + b"stranger", ("127.0.0.1", 10))
            protocol.datagram_received(bytes((first,)) + b"media", ("127.0.0.1", 9))
        for first in (20, 63, 64, 127, 192, 255):
            protocol.datagram_received(bytes((first,)) + b"other", ("127.0.0.1", 9))
        protocol.datagram_received(b"", ("127.0.0.1", 9))
        protocol.datagram_received(b"\0\1 no stun", ("127.0.0.1", 9))
        assert media == [b"\x80media", b"\xbfmedia"]
        assert connection._queue.qsize() == 2
        assert connection.counts.packets_stray == 8
        await connection.close()

    asyncio.run(main())


def remote(port: int) -> Candidate:
    return Candidate("1", 1, "udp", 1, "127.0.0.1", port, "host")


def test_datagrams_of_dtls_wait_up_to_a_bound() -> None:
    async def main() -> None:
        connection = private.LoopbackConnection(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        await connection.gather_candidates()
        await connection.add_remote_candidate(remote(9))
        for _ in range(private.MAX_WAITING_DTLS + 3):
            connection._protocols[0].datagram_received(b"\x16junk", ("127.0.0.1", 9))
        assert connection._queue.qsize() == private.MAX_WAITING_DTLS
        assert connection.counts.packets_stray == 3
        await connection.close()

    asyncio.run(main())


def check(connection: Connection, *, number: int, **attributes: object) -> bytes:
    """A check of the other side, authentic."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, number.to_bytes(12, "big"))
    message.attributes = {"USERNAME": f"{connection.local_username}:them", **attributes}
    message.add_message_integrity(connection.local_password.encode())
    return bytes(message)


def test_authentic_checks_from_ever_new_addresses_cost_a_bounded_number_of_pairs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        connection = private.LoopbackConnection(controlling=False, on_media=lambda data: None, counts=MediaCounts())
        await connection.gather_candidates()
        connection.remote_username, connection.remote_password = "them", "theirs"
        connecting = asyncio.create_task(connection.connect())
        await asyncio.sleep(0)
        protocol = connection._protocols[0]
        for number in range(1, 1001):
            data = check(connection, number=number, PRIORITY=1, **{"ICE-CONTROLLING": 1})
            protocol.datagram_received(data, ("127.0.0.1", 1024 + number))
        lacking = check(connection, number=2000, **{"ICE-CONTROLLING": 1})
        connection._remote_candidates.pop()
        protocol.datagram_received(lacking, ("127.0.0.1", 9))
        assert len(connection._remote_candidates) == private.MAX_REMOTE_ADDRESSES - 1
        assert len(connection._check_list) == private.MAX_REMOTE_ADDRESSES
        assert connection.counts.packets_stray == 1000 - private.MAX_REMOTE_ADDRESSES + 1
        await connection.close()
        await asyncio.wait((connecting,))
        assert isinstance(connecting.exception(), ConnectionError)

    with caplog.at_level("DEBUG"):
        asyncio.run(main())
    assert [record.name for record in caplog.records if record.name.startswith("aio")] == []


def test_a_socket_that_the_system_does_not_empty_holds_a_bounded_amount() -> None:
    class Stuck(asyncio.DatagramTransport):
        """What asyncio's transport does when the system takes nothing."""

        waiting = 0
        closing = False

        def get_write_buffer_size(self) -> int:
            return self.waiting

        def is_closing(self) -> bool:
            return self.closing

        def sendto(self, data: bytes | bytearray | memoryview, addr: object = None) -> None:
            self.waiting += len(data)

    async def main() -> None:
        connection = private.LoopbackConnection(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        transport = Stuck()
        stuck = OwnProtocol(connection)
        stuck.transport = transport
        for _ in range(1000):
            stuck.put(bytes(1000), ("127.0.0.1", 9))
        assert transport.waiting == 1000 * (private.MAX_UNSENT_BYTES // 1000 + 1)
        assert connection.counts.packets_unsent == 1000 - transport.waiting // 1000
        await connection.gather_candidates()
        unsent = connection.counts.packets_unsent
        connection._protocols[0].error_received(ConnectionRefusedError())
        assert connection.counts.packets_unsent == unsent + 1, "ICMP says that no socket is there"
        await connection.close()
        transport.closing, transport.waiting = True, 0
        stuck.put(b"late", ("127.0.0.1", 9))
        assert transport.waiting == 0

    asyncio.run(main())


@pytest.mark.fault("F29")
def test_datagrams_that_would_break_aiortc_or_aioice_are_dropped_and_counted() -> None:
    async def main() -> None:
        connection = private.LoopbackConnection(controlling=True, on_media=lambda data: None, counts=MediaCounts())
        await connection.gather_candidates()
        protocol = connection._protocols[0]
        cut_short = bytes.fromhex("000100042112a442") + bytes(12) + bytes(4)[:3]
        await connection.add_remote_candidate(remote(9))
        too_long = b"\x80" + bytes(private.MAX_DATAGRAM_BYTES)
        for data in (b"", b"\x04", b"\x40", b"\xff", b"\0\1 no stun", cut_short, too_long):
            protocol.datagram_received(data, ("127.0.0.1", 9))
        assert connection.counts.packets_stray == 7
        assert connection.checks == 0, "no pair is nominated, so no message was from the other side"
        await connection.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("owner", "name"), [(Connection, "_Connection__log_info"), (StunProtocol, "_StunProtocol__log_debug")]
)
def test_aioice_logs_by_these(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


@pytest.mark.parametrize(
    "name", ["send_data", "send_stun", "datagram_received", "error_received", "request", "close", "connection_lost"]
)
def test_the_stun_protocol_sends_and_receives_by(name: str) -> None:
    assert callable(getattr(StunProtocol, name))


def test_paths_are_asked_for_checks_and_media_both_ways() -> None:
    async def main() -> None:
        incoming, outgoing = Impairment(), Impairment()
        ends = [
            private.LoopbackConnection(
                controlling=role,
                on_media=media.append,
                counts=MediaCounts(),
                incoming=incoming if role else None,
                outgoing=outgoing if role else None,
            )
            for role, media in ((True, heard[0]), (False, heard[1]))
        ]
        for end in ends:
            await end.gather_candidates()
        for end, other in zip(ends, reversed(ends), strict=True):
            for candidate in other.local_candidates:
                await end.add_remote_candidate(candidate)
            await end.add_remote_candidate(None)
            end.remote_username, end.remote_password = other.local_username, other.local_password
        await asyncio.gather(*(end.connect() for end in ends))
        checks = incoming.carried, outgoing.carried
        assert all(checks)
        for end in ends:
            end.send_now(b"\x80media")
        while not all(heard):
            await asyncio.sleep(0.001)
        assert (incoming.carried, outgoing.carried) == (checks[0] + 1, checks[1] + 1)
        outgoing.cut = True
        ends[0].send_now(b"\x80media")
        await asyncio.sleep(0.05)
        assert len(heard[1]) == 1
        for end in ends:
            await end.close()

    heard: tuple[list[bytes], list[bytes]] = ([], [])
    asyncio.run(main())


def test_checks_start_at_once_and_without_the_pause() -> None:
    """connect() sleeps 20 ms each time `_check_periodic` is true; the stock agent's is, once for each check."""

    async def main() -> None:
        roles = (True, False)
        ends = [
            private.LoopbackConnection(controlling=role, on_media=lambda data: None, counts=MediaCounts())
            for role in roles
        ]
        for end in ends:
            await end.gather_candidates()
        slept: list[bool] = []
        periodic = ends[0]._check_periodic

        def note() -> bool:
            slept.append(periodic())
            return slept[-1]

        ends[0]._check_periodic = note  # type: ignore[method-assign]  # to see what connect() gets
        for end, other in (ends, ends[::-1]):
            end.remote_username, end.remote_password = other.local_username, other.local_password
            for candidate in other.local_candidates:
                await end.add_remote_candidate(candidate)
            await end.add_remote_candidate(None)
        await asyncio.gather(*(end.connect() for end in ends))
        assert slept
        assert not any(slept)
        assert ends[0]._nominated[1].remote_addr[0] in private.LOOPBACK_ADDRESSES
        for end in ends:
            await end.close()

    asyncio.run(main())
