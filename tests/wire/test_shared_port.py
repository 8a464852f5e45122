"""Ports that many agents share: whose a datagram is, what belongs to nobody, and that nobody crowds out the others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from aioice import stun
from tests.patience import PATIENCE_S

from offhook_wire import shared_port
from offhook_wire.media_counts import MediaCounts
from offhook_wire.shared_port import MOST_ADDRESSES, MOST_OF_ONE, MOST_WAITING, Place
from offhook_wire.shared_ports import SharedPorts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Client:
    """The far side of one agent: a socket of its own."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.socket.getsockname()


class Stage:
    """Shared ports, agents at them, and clients."""

    def __init__(self, ports: SharedPorts) -> None:
        self.ports = ports
        self.heard: dict[str, list[bytes]] = {}
        self.order: list[str] = []
        self.places: list[Place] = []
        self.clients: list[Client] = []

    def agent(self, ufrag: str, name: str = "") -> Place:
        name = name or ufrag
        self.heard[name] = []

        def take(data: bytes, address: tuple[str, int]) -> None:
            self.heard[name].append(data)
            self.order.append(name)

        self.places.append(self.ports.place(ufrag, take, MediaCounts()))
        return self.places[-1]

    def client(self, place: Place | None = None) -> Client:
        """A client; of `place`, if a check of it has confirmed that."""
        client = Client()
        self.clients.append(client)
        if place is not None:
            place.confirm(client.address)
        return client

    async def until(self, true: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + PATIENCE_S
        while not true():
            assert loop.time() < deadline_s
            await asyncio.sleep(0)

    @property
    def strays(self) -> int:
        return self.ports.counts.packets_stray


def on_stage(check: Callable[[Stage], Awaitable[None]], addresses: tuple[str, ...] = ("127.0.0.1",)) -> None:
    async def main() -> None:
        troubles: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        stage = Stage(SharedPorts(addresses))
        try:
            await check(stage)
        finally:
            for place in stage.places:
                place.leave()
                place.leave()
            for client in stage.clients:
                client.socket.close()
        assert stage.ports.open == ()
        assert troubles == []

    asyncio.run(main())


def request(ufrag: str, transaction: bytes = b"transaction!", kind: stun.Class = stun.Class.REQUEST) -> bytes:
    message = stun.Message(stun.Method.BINDING, kind, transaction)
    message.attributes = {"USERNAME": f"{ufrag}:them"}
    return bytes(message)


def test_media_goes_to_whose_address_it_comes_from() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("first"), stage.agent("second")
        assert first.port is second.port
        ones, twos = stage.client(first), stage.client(second)
        ones.socket.sendto(b"\x80one", first.port.address)
        twos.socket.sendto(b"\x80two", first.port.address)
        ones.socket.sendto(b"\x16dtls", first.port.address)
        await stage.until(lambda: len(stage.order) == 3)
        assert stage.heard == {"first": [b"\x80one", b"\x16dtls"], "second": [b"\x80two"]}

    on_stage(check)


def test_checks_go_to_whom_they_name_wherever_they_come_from() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("first"), stage.agent("second")
        ones, stranger = stage.client(first), stage.client()
        stranger.socket.sendto(request("second"), second.port.address)
        ones.socket.sendto(request("second"), second.port.address)
        await stage.until(lambda: len(stage.order) == 2)
        assert stage.heard["second"] == [request("second")] * 2

    on_stage(check)


def test_answers_go_to_who_asked() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("first"), stage.agent("second")
        second.expect(b"transaction!")
        stranger = stage.client()
        answer = request("first", kind=stun.Class.RESPONSE)
        stranger.socket.sendto(answer, first.port.address)
        await stage.until(lambda: len(stage.order) == 1)
        assert stage.heard["second"] == [answer]
        second.forget(b"transaction!")
        stranger.socket.sendto(answer, first.port.address)
        await stage.until(lambda: stage.strays == 1)
        assert len(stage.order) == 1

    on_stage(check)


@pytest.mark.parametrize(
    "data", [b"", b"\x80media", b"\x16dtls", b"\x40", b"\0", b"\0\1", request("nobody"), bytes(2000)]
)
def test_what_is_nobodys_is_dropped_and_counted_and_nothing_is_kept_of_it(data: bytes) -> None:
    async def check(stage: Stage) -> None:
        place = stage.agent("first")
        stranger = stage.client()
        stranger.socket.sendto(data, place.port.address)
        await stage.until(lambda: stage.strays == 1)
        assert stage.order == []
        assert place.port._by_address == {}  # pyright: ignore[reportPrivateUsage]
        assert list(place.port._by_ufrag) == [b"first"]  # pyright: ignore[reportPrivateUsage]
        assert place.counts.packets_stray == 0

    on_stage(check)


def test_an_address_belongs_to_who_confirmed_it_last() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("first"), stage.agent("second")
        client = stage.client(first)
        assert second.confirm(client.address)
        assert not second.confirm(client.address)
        first.leave()
        client.socket.sendto(b"\x80media", second.port.address)
        await stage.until(lambda: stage.heard["second"] == [b"\x80media"])

    on_stage(check)


def test_who_has_left_is_forgotten_with_all_addresses() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("first"), stage.agent("second")
        client = stage.client(first)
        first.expect(b"transaction!")
        first.leave()
        for data in (b"\x80media", request("first"), request("first", kind=stun.Class.RESPONSE)):
            client.socket.sendto(data, second.port.address)
        await stage.until(lambda: stage.strays == 3)
        assert stage.order == []
        assert second.port._by_transaction == {}  # pyright: ignore[reportPrivateUsage]

    on_stage(check)


def test_of_more_addresses_than_a_few_the_oldest_is_forgotten() -> None:
    async def check(stage: Stage) -> None:
        place = stage.agent("first")
        clients = [stage.client(place) for _ in range(MOST_ADDRESSES)]
        place.confirm(clients[0].address)
        clients.append(stage.client(place))
        for client in clients:
            client.socket.sendto(b"\x80", place.port.address)
        await stage.until(lambda: len(stage.order) + stage.strays == len(clients))
        assert stage.strays == 1
        assert clients[1].address not in place.addresses

    on_stage(check)


def test_two_of_the_same_name_get_a_port_each() -> None:
    async def check(stage: Stage) -> None:
        first, second = stage.agent("same", "first"), stage.agent("same", "second")
        assert first.port is not second.port
        client = stage.client()
        client.socket.sendto(request("same"), second.port.address)
        await stage.until(lambda: len(stage.order) == 1)
        assert stage.heard == {"first": [], "second": [request("same")]}
        second.leave()
        assert stage.ports.open == (first.port,)
        assert second.port.socket.closed

    on_stage(check)


def test_a_port_has_as_many_as_its_buffer_serves_while_the_loop_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_port, "_PACKETS_PER_S", 1e9)

    async def check(stage: Stage) -> None:
        places = [stage.agent(f"agent{number}") for number in range(3)]
        assert len({place.port.address for place in places}) == 3

    on_stage(check)


def test_names_are_long_and_differ() -> None:
    ports = SharedPorts(())
    names = {ports.new_ufrag() for _ in range(1000)}
    assert len(names) == 1000
    assert {len(name) for name in names} == {16}


def test_where_there_is_no_ipv4_the_next_address_is_used() -> None:
    with contextlib.closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")

    async def check(stage: Stage) -> None:
        place = stage.agent("first")
        assert place.port.address[0] == "::1"
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
            client.bind(("::1", 0))
            place.confirm(client.getsockname()[:2])
            client.sendto(b"\x80media", place.port.address)
            await stage.until(lambda: stage.heard["first"] == [b"\x80media"])
            place.port.send(b"answer", client.getsockname()[:2], place.counts)
            client.settimeout(PATIENCE_S)
            assert client.recv(10) == b"answer"

    on_stage(check, ("203.0.113.1", "::1"))


def test_where_nothing_can_be_bound_it_says_so() -> None:
    async def check(stage: Stage) -> None:
        with pytest.raises(ConnectionError, match=r"203\.0\.113\.1 or 203\.0\.113\.2"):
            stage.agent("first")

    on_stage(check, ("203.0.113.1", "203.0.113.2"))


def test_one_that_floods_delays_nobody_and_loses_only_its_own() -> None:
    async def check(stage: Stage) -> None:
        flooder, quiet = stage.agent("flooder"), stage.agent("quiet")
        floods, speaks = stage.client(flooder), stage.client(quiet)
        sent = MOST_OF_ONE + MOST_WAITING + 100
        for number in range(sent // 2):
            floods.socket.sendto(b"\x80" + number.to_bytes(2, "big"), quiet.port.address)
        speaks.socket.sendto(b"\x80speech", quiet.port.address)
        for number in range(sent // 2, sent):
            floods.socket.sendto(b"\x80" + number.to_bytes(2, "big"), quiet.port.address)
        await stage.until(lambda: "quiet" in stage.order)
        assert stage.order.index("quiet") == MOST_OF_ONE, "handled in the turn in which it was read"
        await stage.until(lambda: len(stage.heard["flooder"]) + flooder.counts.packets_stray == sent)
        assert stage.heard["flooder"] == sorted(stage.heard["flooder"]), "what is left of it is in order"
        assert flooder.counts.packets_stray > 0
        assert quiet.counts.packets_stray == stage.strays == 0

    on_stage(check)


async def flood(stage: Stage, place: Place) -> Client:
    """Send more at once than the port keeps of one; a client whose datagrams do not get to it any more."""
    client = stage.client(place)
    while place.diverted != client.address:
        for _ in range(MOST_WAITING):
            client.socket.sendto(b"\x80flood", place.port.address)
        await asyncio.sleep(0)
    await stage.until(lambda: len(place.waiting) < MOST_WAITING - MOST_OF_ONE)
    assert place.waiting
    client.socket.sendto(b"\x80in order", place.port.address)
    await stage.until(lambda: not place.waiting)
    await stage.until(lambda: b"\x80in order" in stage.heard["flooder"])
    assert not place.waiting
    assert stage.heard["flooder"][-1] == b"\x80in order", "behind what still waited"
    return client


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes one source out of a socket")
def test_what_floods_is_taken_out_of_the_port_and_still_heard() -> None:
    async def check(stage: Stage) -> None:
        flooder, other, quiet = stage.agent("flooder"), stage.agent("other"), stage.agent("quiet")
        client = await flood(stage, flooder)
        reads: list[bytes] = []
        raw = flooder.port.socket.raw

        def peek() -> bytes:
            with contextlib.suppress(BlockingIOError):
                reads.append(raw.recv(2000, socket.MSG_PEEK))
            return reads[-1] if reads else b""

        client.socket.sendto(b"\x80apart", quiet.port.address)
        assert peek() == b"", "the shared socket's buffer stays free for the others"
        await stage.until(lambda: stage.heard["flooder"][-1:] == [b"\x80apart"])
        client.socket.sendto(request("other"), quiet.port.address)
        await stage.until(lambda: stage.heard["other"] == [request("other")])
        client.socket.sendto(request("nobody"), quiet.port.address)
        await stage.until(lambda: stage.strays == 1)
        stage.client(quiet).socket.sendto(b"\x80speech", quiet.port.address)
        await stage.until(lambda: stage.heard["quiet"] == [b"\x80speech"])
        other.confirm(client.address)
        client.socket.sendto(b"\x80moved", quiet.port.address)
        await stage.until(lambda: stage.heard["other"][-1] == b"\x80moved")
        flooder.leave()
        client.socket.sendto(b"\x80back", quiet.port.address)
        assert peek() == b"\x80back"
        await stage.until(lambda: stage.heard["other"][-1] == b"\x80back")

    on_stage(check)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes one source out of a socket")
def test_a_flood_from_another_address_is_taken_out_instead() -> None:
    async def check(stage: Stage) -> None:
        flooder = stage.agent("flooder")
        await flood(stage, flooder)
        before = flooder.diversion
        assert before is not None
        client = await flood(stage, flooder)
        assert flooder.diverted == client.address
        assert flooder.diversion is not before
        client.socket.sendto(b"\x80last", flooder.port.address)
        await stage.until(lambda: stage.heard["flooder"][-1] == b"\x80last")

    on_stage(check)


def test_where_the_system_cannot_take_it_out_the_port_copes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "other")

    async def check(stage: Stage) -> None:
        flooder = stage.agent("flooder")
        client = await flood(stage, flooder)
        assert flooder.diversion is None
        client.socket.sendto(b"\x80last", flooder.port.address)
        await stage.until(lambda: stage.heard["flooder"][-1] == b"\x80last")

    on_stage(check)


def test_many_that_flood_do_not_keep_others_from_being_read() -> None:
    async def check(stage: Stage) -> None:
        flooders = [stage.agent(f"flooder{number}") for number in range(12)]
        quiet = stage.agent("quiet")
        clients = [stage.client(place) for place in flooders]
        for _ in range(4 * MOST_OF_ONE):
            for client in clients:
                client.socket.sendto(b"\x80flood", quiet.port.address)
        stage.client(quiet).socket.sendto(b"\x80speech", quiet.port.address)
        await stage.until(lambda: "quiet" in stage.order)
        flooded = stage.order.index("quiet")
        assert flooded < 12 * 4 * MOST_OF_ONE - 64, "while datagrams of the others still wait"
        await stage.until(lambda: len(stage.order) == 12 * 4 * MOST_OF_ONE + 1)
        counts = [len(stage.heard[f"flooder{number}"]) for number in range(12)]
        assert counts == [4 * MOST_OF_ONE] * 12

    on_stage(check)


def test_one_that_leaves_while_its_datagrams_are_handled_gets_no_more() -> None:
    async def check(stage: Stage) -> None:
        heard: list[bytes] = []

        def take(data: bytes, address: tuple[str, int]) -> None:
            heard.append(data)
            if len(heard) == MOST_OF_ONE + 2:
                leaver.leave()

        leaver = stage.ports.place("leaver", take, MediaCounts())
        stays = stage.agent("stays")
        floods, speaks = stage.client(leaver), stage.client(stays)
        for _ in range(5 * MOST_OF_ONE):
            floods.socket.sendto(b"\x80", stays.port.address)
        await stage.until(lambda: len(heard) == MOST_OF_ONE + 2)
        speaks.socket.sendto(b"\x80speech", stays.port.address)
        await stage.until(lambda: stage.heard["stays"] == [b"\x80speech"])
        assert len(heard) == MOST_OF_ONE + 2

    on_stage(check)


def test_the_last_one_that_leaves_in_its_turn_closes_the_port() -> None:
    async def check(stage: Stage) -> None:
        heard: list[bytes] = []

        def take(data: bytes, address: tuple[str, int]) -> None:
            heard.append(data)
            place.leave()

        place = stage.ports.place("last", take, MediaCounts())
        client = stage.client(place)
        client.socket.sendto(b"\x801", place.port.address)
        client.socket.sendto(b"\x802", place.port.address)
        await stage.until(lambda: stage.ports.open == ())
        for _ in range(3):
            await asyncio.sleep(0)
        assert heard == [b"\x801"]

    on_stage(check)
