"""Real peers whose relay side shares one UDP port: who hears whom, who moves, who vanishes, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aioice import stun
from tests.patience import PATIENCE_S

from offhook.interfaces.ids import Ids
from offhook_wire.impairment import Impairment
from offhook_wire.media_counts import MediaCounts
from offhook_wire.peer import Peer, make_certificate, make_ports
from offhook_wire.relay_protocol import Candidate, Ice, PeerParameters
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook_wire.shared_ports import SharedPorts

# These tests look into ICE agents, to do what the network or a stranger would.
# pyright: reportPrivateUsage=false

CERTIFICATE = make_certificate()


class Pair:
    """A leg with a socket of its own, and its peer at the relay."""

    def __init__(
        self,
        ports: SharedPorts,
        number: int,
        *,
        incoming: Impairment | None = None,
        outgoing: Impairment | None = None,
    ) -> None:
        self.heard_by_leg: list[bytes] = []
        self.heard_by_relay: list[bytes] = []
        self.down: list[str] = []
        self.out = OutStream(Ids(f"leg {number}")), OutStream(Ids(f"relay {number}"))
        self.sent = 0
        self.leg = Peer(
            controlling=True,
            certificate=CERTIFICATE,
            on_rtp=self.heard_by_leg.append,
            on_rtcp=lambda data: None,
            on_down=lambda reason: None,
        )
        self.relay = Peer(
            controlling=False,
            certificate=CERTIFICATE,
            on_rtp=self.heard_by_relay.append,
            on_rtcp=lambda data: None,
            on_down=self.down.append,
            counts=MediaCounts(),
            ports=ports,
            incoming=incoming,
            outgoing=outgoing,
        )

    async def connect(self, through: Nat | None = None) -> None:
        ours, theirs = await self.leg.gather(), await self.relay.gather()
        self.relay_address = theirs.ice.candidates[0]
        if through is not None:
            through.target = self.relay_address.ip, self.relay_address.port
            theirs = _with_candidate(theirs, Candidate(*through.inner.getsockname()))
            ours = _with_candidate(ours, Candidate("192.0.2.1", 9))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(self.leg.connect(theirs), self.relay.connect(ours))

    def say(self, payload: bytes = b"opus") -> None:
        """Send a packet each way."""
        position, self.sent = 960 * self.sent, self.sent + 1
        self.leg.send_rtp(self.out[0].packet(payload, position, 0.0))
        self.relay.send_rtp(self.out[1].packet(payload, position, 0.0))

    async def hear(self) -> None:
        """Check that both sides hear a packet from now."""
        before = len(self.heard_by_leg), len(self.heard_by_relay)
        self.say()
        await until(lambda: (len(self.heard_by_leg), len(self.heard_by_relay)) == (before[0] + 1, before[1] + 1))

    async def stop(self) -> None:
        await self.leg.stop()
        await self.relay.stop()


class Nat:
    """Forwards datagrams between a leg and the relay, and can change the address at which the relay sees the leg."""

    def __init__(self) -> None:
        self.target: tuple[str, int] = ("127.0.0.1", 9)
        self.leg: tuple[str, int] | None = None
        self.inner = self._open(self._outwards)
        self.outer = self._open(self._inwards)

    def _open(self, ready: Callable[[], None]) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(made, ready)
        return made

    def _close(self, which: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(which)
        which.close()

    def _outwards(self) -> None:
        data, self.leg = self.inner.recvfrom(2000)
        self.outer.sendto(data, self.target)

    def _inwards(self) -> None:
        data, _ = self.outer.recvfrom(2000)
        if self.leg is not None:
            self.inner.sendto(data, self.leg)

    def rebind(self) -> None:
        self._close(self.outer)
        self.outer = self._open(self._inwards)

    def close(self) -> None:
        self._close(self.inner)
        self._close(self.outer)


def _with_candidate(peer: PeerParameters, candidate: Candidate) -> PeerParameters:
    return PeerParameters(Ice(peer.ice.ufrag, peer.ice.password, (candidate,)), peer.dtls)


async def until(true: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    while not true():
        assert loop.time() < deadline_s
        await asyncio.sleep(0.001)


def open_sockets() -> int:
    """How many sockets this process has; 0 where that cannot be seen."""
    if sys.platform != "linux":
        return 0
    targets: list[str] = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder that is being read is one of them
            targets.append(str(link.readlink()))
    return sum(target.startswith("socket:") for target in targets)


def with_pairs(count: int, check: Callable[[list[Pair], SharedPorts], Awaitable[None]], **impairments: Any) -> None:
    """Run a check with pairs that are not connected yet; nothing is left of them afterwards."""

    async def main() -> None:
        troubles: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        ports = make_ports()
        tasks, sockets = asyncio.all_tasks(), open_sockets()
        pairs = [Pair(ports, number, **impairments) for number in range(count)]
        try:
            await check(pairs, ports)
        finally:
            for pair in pairs:
                await pair.stop()
        await until(lambda: asyncio.all_tasks() == tasks)
        assert ports.open == ()
        assert open_sockets() == sockets
        assert troubles == []

    asyncio.run(main())


def agent_of(peer: Peer) -> Any:
    return peer._gatherer.connection


async def check_from(pair: Pair) -> None:
    """Have the leg check its consent now, as it does every few seconds."""
    agent = agent_of(pair.leg)
    used = agent._nominated[1]
    request = agent.build_request(used, nominate=False)
    await used.protocol.request(request, used.remote_addr, integrity_key=agent.remote_password.encode())


def test_all_peers_are_at_one_port_and_each_hears_its_own() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        await asyncio.gather(*(pair.connect() for pair in pairs))
        assert len({pair.relay_address for pair in pairs}) == len(ports.open) == 1
        for number, pair in enumerate(pairs):
            for _ in range(20):
                pair.say(bytes((number,)))
        await until(lambda: all(len(pair.heard_by_relay) == len(pair.heard_by_leg) == 20 for pair in pairs))
        for number, pair in enumerate(pairs):
            assert {data[-1] for data in pair.heard_by_relay + pair.heard_by_leg} == {number}
            assert pair.relay.counts == MediaCounts()
        assert ports.counts == MediaCounts()
        (port,) = ports.open
        assert len(port._by_address) == len(port._by_ufrag) == 5
        assert port._by_transaction == {}, "no answer is waited for any more"

    with_pairs(5, check)


def test_impairments_are_those_of_one_peer() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        bad, good = pairs
        await asyncio.gather(*(pair.connect() for pair in pairs))
        incoming, outgoing = Impairment(), Impairment()
        bad.relay.impair(incoming, outgoing)
        await bad.hear()
        assert (incoming.carried, outgoing.carried) == (1, 1)
        incoming.cut = outgoing.cut = True
        bad.say()
        await good.hear()
        assert (len(bad.heard_by_leg), len(bad.heard_by_relay)) == (1, 1)
        assert (incoming.lost, outgoing.lost) == (1, 1)

    with_pairs(2, check)


def test_a_delayed_datagram_that_arrives_after_the_end_is_dropped() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        (pair,) = pairs
        await pair.connect()
        late = Impairment()
        late.frozen = True
        pair.relay.impair(late, late)
        pair.say()
        await until(lambda: late.carried == 2)
        await pair.relay.stop()
        late.frozen = False
        assert (pair.heard_by_relay, pair.heard_by_leg) == ([], [])

    with_pairs(1, check)


def test_a_delayed_check_that_arrives_after_the_end_confirms_nothing() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        pair, other = pairs
        await asyncio.gather(*(pair.connect() for pair in pairs))
        late = Impairment()
        late.frozen = True
        pair.relay.impair(late, None)
        checking = asyncio.create_task(check_from(pair))
        await until(lambda: late.carried == 1)
        await pair.relay.stop()
        late.frozen = False
        assert len(ports.open[0]._by_address) == 1
        await other.hear()
        checking.cancel()
        await asyncio.wait((checking,))

    with_pairs(2, check)


def test_a_leg_whose_address_changes_is_heard_and_hears_after_its_next_check() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        moves, stays = pairs
        nat = Nat()
        await asyncio.gather(moves.connect(nat), stays.connect())
        await moves.hear()
        nat.rebind()
        moves.say()
        await until(lambda: ports.counts.packets_stray == 1)
        assert len(moves.heard_by_relay) == 1, "no check has come from the new address"
        await check_from(moves)
        new = nat.outer.getsockname()
        await until(lambda: agent_of(moves.relay)._nominated[1].remote_addr == new)
        await moves.hear()
        await stays.hear()
        nat.close()

    with_pairs(2, check)


def test_a_check_that_is_not_authentic_confirms_nothing_and_gets_no_answer() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        (pair,) = pairs
        await pair.connect()
        agent = agent_of(pair.relay)
        forged = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"t" * 12)
        forged.attributes = {"USERNAME": f"{agent.local_username}:them", "PRIORITY": 1}
        unsigned = bytes(forged)
        forged.add_message_integrity(b"a wrong password")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            stranger.bind(("127.0.0.1", 0))
            at = pair.relay_address.ip, pair.relay_address.port
            for data in (unsigned, bytes(forged), bytes(forged)[:-4]):
                stranger.sendto(data, at)
            await until(lambda: pair.relay.counts.packets_stray == 3)
            stranger.sendto(b"\x80media", at)
            await until(lambda: ports.counts.packets_stray == 1)
            with pytest.raises(BlockingIOError):
                stranger.recv(2000)
        await pair.hear()

    with_pairs(1, check)


def test_answers_that_nobody_waits_for_are_counted() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        (pair,) = pairs
        await pair.connect()
        place = agent_of(pair.relay)._protocols[0].place
        answer = bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, b"t" * 12))
        place.take(answer, next(iter(place.addresses)))
        assert pair.relay.counts.packets_stray == 1
        await pair.hear()

    with_pairs(1, check)


def test_legs_that_vanish_do_not_harm_the_others() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        *gone, stays = pairs
        await asyncio.gather(*(pair.connect() for pair in pairs))
        for pair in gone:
            for protocol in agent_of(pair.leg)._protocols:
                protocol.socket.close()
        for _ in range(20):
            for pair in gone:
                pair.relay.send_rtp(pair.out[1].packet(b"opus", 0, 0.0))
            await stays.hear()
        assert ports.counts == MediaCounts()
        assert ports.open[0].socket.errors == 0

    with_pairs(4, check)


def test_the_others_go_on_when_one_stops_and_the_port_closes_with_the_last() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        first, second = pairs
        await asyncio.gather(*(pair.connect() for pair in pairs))
        (port,) = ports.open
        await first.relay.stop()
        await until(lambda: not first.leg.up)
        await second.hear()
        assert not port.socket.closed
        await second.relay.stop()
        assert port.socket.closed

    with_pairs(2, check)


def test_peers_that_never_connect_leave_nothing() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        first, second, third = pairs
        await first.relay.gather()
        ours, _ = await second.leg.gather(), await second.relay.gather()
        connecting = asyncio.create_task(second.relay.connect(ours))
        await third.connect()
        connecting.cancel()
        await asyncio.wait((connecting,))

    with_pairs(3, check)


def test_a_loop_that_does_not_watch_sockets_gives_each_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        loop = asyncio.get_running_loop()

        def unable(*arguments: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_reader", unable)
        await asyncio.gather(*(pair.connect() for pair in pairs))
        assert ports.open == ()
        assert len({pair.relay_address for pair in pairs}) == 2
        for pair in pairs:
            await pair.hear()

    with_pairs(2, check)


def test_one_that_floods_with_authentic_packets_leaves_the_others_their_audio() -> None:
    async def check(pairs: list[Pair], ports: SharedPorts) -> None:
        flooder, *others = pairs
        await asyncio.gather(*(pair.connect() for pair in pairs))
        for turn in range(20):
            for index in range(100):
                flooder.leg.send_rtp(flooder.out[0].packet(b"flood", 960 * (100 * turn + index), 0.0))
            for pair in others:
                pair.say()
            await asyncio.sleep(0)
        await until(lambda: all(len(pair.heard_by_relay) == 20 for pair in others))
        assert flooder.heard_by_relay, "neither does it lose all of its own"
        assert all(pair.relay.counts == MediaCounts() for pair in others)

    with_pairs(4, check)
