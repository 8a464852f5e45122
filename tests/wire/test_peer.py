"""Two real peers on loopback: handshake, early media, refusals, the end."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import random
import socket
import weakref
from typing import TYPE_CHECKING

import pylibsrtp
import pytest
from OpenSSL import SSL
from tests.patience import PATIENCE_S

from offhook.interfaces.ids import Ids
from offhook_wire import aiortc_private, rtp
from offhook_wire.peer import Certificate, Peer, PeerFailed, addresses_for, make_certificate
from offhook_wire.relay_protocol import Candidate, Dtls, Fingerprint, PeerParameters
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiortc import RTCDtlsTransport

CERTIFICATE = make_certificate()


class End:
    """A peer and what it was given."""

    def __init__(self, *, controlling: bool, certificate: Certificate = CERTIFICATE) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.down: list[str] = []
        self.peer = Peer(
            controlling=controlling,
            certificate=certificate,
            on_rtp=self.rtp.append,
            on_rtcp=self.rtcp.append,
            on_down=self.down.append,
        )


async def until(true: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    while not true():
        assert loop.time() < deadline_s
        await asyncio.sleep(0.001)


def with_ends(check: Callable[[End, End], Awaitable[None]]) -> None:
    async def main() -> None:
        leg, relay = End(controlling=True), End(controlling=False)
        tasks = asyncio.all_tasks()
        try:
            await check(leg, relay)
        finally:
            await leg.peer.stop()
            await relay.peer.stop()
        await until(lambda: asyncio.all_tasks() == tasks)

    asyncio.run(main())


async def connect(leg: End, relay: End) -> None:
    ours, theirs = await leg.peer.gather(), await relay.peer.gather()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(leg.peer.connect(theirs), relay.peer.connect(ours))


def packets(count: int) -> list[bytes]:
    out = OutStream(Ids(1))
    return [out.packet(b"opus", 960 * index, 0.0) for index in range(count)]


def test_packets_go_both_ways_in_order_and_in_the_clear() -> None:
    async def check(leg: End, relay: End) -> None:
        await connect(leg, relay)
        sent = packets(20)
        report = OutStream(Ids(2)).bye()
        for data in sent:
            leg.peer.send_rtp(data)
            relay.peer.send_rtp(data)
        leg.peer.send_rtcp(report)
        await until(lambda: len(leg.rtp) == len(relay.rtp) == 20 and len(relay.rtcp) == 1)
        assert leg.rtp == relay.rtp == sent
        assert relay.rtcp == [report]
        assert leg.peer.counts.srtp_errors == relay.peer.counts.srtp_errors == 0

    with_ends(check)


@pytest.mark.parametrize("turn", range(20))
def test_media_that_overtakes_the_handshake_is_not_lost(turn: int) -> None:
    async def check(leg: End, relay: End) -> None:
        ours, theirs = await leg.peer.gather(), await relay.peer.gather()
        sent = packets(5)

        async def connect_and_talk(end: End, remote: PeerParameters) -> None:
            await end.peer.connect(remote)
            for data in sent:
                end.peer.send_rtp(data)

        await asyncio.gather(connect_and_talk(leg, theirs), connect_and_talk(relay, ours))
        await until(lambda: leg.rtp == relay.rtp == sent)

    with_ends(check)


def test_early_packets_are_kept_to_a_bound() -> None:
    async def check(leg: End, relay: End) -> None:
        for data in packets(70):
            leg.peer._media(data)  # pyright: ignore[reportPrivateUsage] - as the socket would
        assert leg.peer.counts.packets_early == 6
        await leg.peer.stop()
        leg.peer._media(packets(1)[0])  # pyright: ignore[reportPrivateUsage]
        assert leg.peer.counts.packets_early == 6

    with_ends(check)


def test_a_certificate_that_does_not_match_its_fingerprint_is_rejected() -> None:
    async def check(leg: End, relay: End) -> None:
        ours, theirs = await leg.peer.gather(), await relay.peer.gather()
        forged = dataclasses.replace(theirs, dtls=Dtls((Fingerprint("sha-256", "00:" * 31 + "00"),)))
        connecting = asyncio.create_task(relay.peer.connect(ours))
        with pytest.raises(PeerFailed, match="certificate"):
            await leg.peer.connect(forged)
        await leg.peer.stop()
        connecting.cancel()
        await asyncio.wait((connecting,))
        assert leg.rtp == []

    with_ends(check)


def test_candidates_off_this_machine_are_not_used_and_ours_are_learned_from_the_checks() -> None:
    async def check(leg: End, relay: End) -> None:
        ours, theirs = await leg.peer.gather(), await relay.peer.gather()
        foreign = tuple(Candidate(ip, 9) for ip in ("192.0.2.1", "a.local", "relay.example", "2001:db8::1"))
        hidden = dataclasses.replace(ours, ice=dataclasses.replace(ours.ice, candidates=foreign))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(leg.peer.connect(theirs), relay.peer.connect(hidden))
        leg.peer.send_rtp(packets(1)[0])
        await until(lambda: len(relay.rtp) == 1)
        known = relay.peer._ice.getRemoteCandidates()  # pyright: ignore[reportPrivateUsage]
        assert {candidate.ip for candidate in known} <= {"127.0.0.1", "::1"}

    with_ends(check)


def test_a_relay_at_an_address_of_ipv4_needs_no_socket_for_ipv6() -> None:
    assert addresses_for("http://127.0.0.1:8080") == ["127.0.0.1"]
    for url in ("http://[::1]:8080", "http://localhost:8080", "no url"):
        assert addresses_for(url) == aiortc_private.LOOPBACK_ADDRESSES

    async def main() -> None:
        peer = Peer(
            controlling=True,
            certificate=CERTIFICATE,
            on_rtp=lambda data: None,
            on_rtcp=lambda data: None,
            on_down=lambda reason: None,
            addresses=addresses_for("http://127.0.0.1:8080"),
        )
        assert [candidate.ip for candidate in (await peer.gather()).ice.candidates] == ["127.0.0.1"]
        await peer.stop()

    asyncio.run(main())


def test_only_the_other_side_is_notified_of_the_end_and_once() -> None:
    async def check(leg: End, relay: End) -> None:
        await connect(leg, relay)
        await leg.peer.stop()
        await until(lambda: bool(relay.down))
        assert relay.down == ["the other side ended the connection"]
        assert leg.down == []
        assert not relay.peer.up
        relay.peer.send_rtp(packets(1)[0])
        relay.peer.send_rtcp(OutStream(Ids(2)).bye())
        await leg.peer.stop()

    with_ends(check)


def test_forged_and_replayed_packets_are_counted_and_dropped() -> None:
    async def check(leg: End, relay: End) -> None:
        await connect(leg, relay)
        relay.peer._media(b"\x80\x6f" + bytes(40))  # pyright: ignore[reportPrivateUsage] - as from the network
        relay.peer._media(b"\x80\xc8" + bytes(40))  # pyright: ignore[reportPrivateUsage]
        relay.peer._media(b"\x80")  # pyright: ignore[reportPrivateUsage]
        assert relay.peer.counts.srtp_errors == 3
        assert (relay.rtp, relay.rtcp) == ([], [])

    with_ends(check)


def test_a_packet_that_srtp_does_not_send_is_counted_and_dropped() -> None:
    async def check(leg: End, relay: End) -> None:
        await connect(leg, relay)
        sent = [
            rtp.RtpPacket(111, False, sequence, 0, 7, b"opus").encode() for sequence in (30_000, 30_001, 20_000, 30_002)
        ]
        for data in (*sent[:2], bytes(1499), *sent[2:]):
            leg.peer.send_rtp(data)
        leg.peer.send_rtcp(bytes(1499))
        await until(lambda: len(relay.rtp) == 3)
        assert relay.rtp == [sent[0], sent[1], sent[3]]
        assert leg.peer.counts.packets_unsent == 3

    with_ends(check)


def test_a_new_ssrc_in_each_packet_costs_a_bounded_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[int] = []
    forget = aiortc_private.forget_ssrc

    def note(dtls: RTCDtlsTransport, ssrc: int) -> None:
        forgotten.append(ssrc)
        forget(dtls, ssrc)

    monkeypatch.setattr(aiortc_private, "forget_ssrc", note)

    async def check(leg: End, relay: End) -> None:
        await connect(leg, relay)
        steady = iter(range(1, 1000))
        for number in range(1000, 1300):
            leg.peer.send_rtp(rtp.RtpPacket(111, False, 1, 0, number, b"opus").encode())
            if number % 100 == 0:
                leg.peer.send_rtp(rtp.RtpPacket(111, False, next(steady), 0, 5, b"opus").encode())
            await asyncio.sleep(0)
        await until(lambda: len(relay.rtp) == 303)
        assert forgotten == list(range(1000, 1000 + 300 + 1 - 128)), "the oldest ones, and never the steady talker"
        leg.peer.send_rtp(rtp.RtpPacket(111, False, 2, 0, 1000, b"opus").encode())
        await until(lambda: len(relay.rtp) == 304)

    with_ends(check)


def test_junk_in_place_of_dtls_changes_nothing() -> None:
    async def check(leg: End, relay: End) -> None:
        troubles: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        await connect(leg, relay)
        chance = random.Random(1)
        heads = [
            b"\x16\xfe\xfd" + bytes(10),
            b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28",
            b"\x17\xfe\xfd\0\1" + bytes(9),
            b"\x14",
        ]
        for _ in range(500):
            leg.peer._gatherer.connection.send_now(chance.choice(heads) + chance.randbytes(chance.randrange(60)))  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0)
        leg.peer.send_rtp(packets(1)[0])
        await until(lambda: len(relay.rtp) == 1)
        assert relay.down == []
        assert troubles == []

    with_ends(check)


def test_large_datagrams_of_strangers_do_not_reach_srtp() -> None:
    async def check(leg: End, relay: End) -> None:
        troubles: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        await connect(leg, relay)
        ports = [c.port for end in (leg, relay) for c in (await end.peer.gather()).candidates if c.ip == "127.0.0.1"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for port in ports:
                for data in (b"\x80\x6f" + bytes(1499), b"\x80\x6f" + bytes(40), b"\x16" + bytes(40), b""):
                    stranger.sendto(data, ("127.0.0.1", port))
        await until(lambda: leg.peer.counts.packets_stray == relay.peer.counts.packets_stray == 4)
        assert troubles == []
        assert leg.peer.counts.srtp_errors == relay.peer.counts.srtp_errors == 0

    with_ends(check)


def test_a_connect_that_is_cancelled_anywhere_leaves_nothing() -> None:
    async def main() -> None:
        for turns in range(60):
            before = asyncio.all_tasks()
            leg, relay = End(controlling=True), End(controlling=False)
            ours, theirs = await leg.peer.gather(), await relay.peer.gather()
            tasks = [asyncio.create_task(leg.peer.connect(theirs)), asyncio.create_task(relay.peer.connect(ours))]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await leg.peer.stop()
            await relay.peer.stop()
            await until(lambda before=before: asyncio.all_tasks() == before)  # type: ignore[misc]

    asyncio.run(main())


def test_a_peer_that_was_stopped_holds_neither_its_owner_nor_memory_of_c_libraries() -> None:
    def heap() -> int:
        gc.collect()
        return len([item for item in gc.get_objects() if type(item) in (SSL.Connection, pylibsrtp.Session)])

    async def main() -> None:
        before = heap()
        gc.disable()
        try:
            leg, relay = End(controlling=True), End(controlling=False)
            await connect(leg, relay)
            assert heap() == before + 6
            await leg.peer.stop()
            await relay.peer.stop()
            held = [item for item in gc.get_objects() if type(item) in (SSL.Connection, pylibsrtp.Session)]
            assert len(held) == before, "freed at once, and not when Python looks for circles"
            owner = weakref.ref(leg)
            peer = leg.peer
            del leg
            assert owner() is None
            assert not peer.up
        finally:
            gc.enable()

    asyncio.run(main())


def test_nothing_is_sent_before_the_connection() -> None:
    async def check(leg: End, relay: End) -> None:
        leg.peer.send_rtp(packets(1)[0])
        assert not leg.peer.up
        assert rtp.parse(packets(1)[0]).sequence < 0x8000

    with_ends(check)
