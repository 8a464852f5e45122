"""Nonsense sent to a leg and a relay in a call: it is dropped and counted, and the call continues."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.plugins.relay_kit import FRAME_SAMPLES, Ear, Relay, connection_of, tone, until, with_relay
from tests.plugins.test_aiortc_rejoin import of_the_leg

from offhook.interfaces.ids import Ids
from offhook_aiortc.transport import AiortcTransport
from offhook_wire import rtcp
from offhook_wire.opus import OpusEncoder
from offhook_wire.rtp import RtpPacket
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from offhook_wire.peer import Peer

pytestmark = pytest.mark.fault("F29")


def mutated(data: bytes, chance: random.Random, keep: int) -> bytes:
    """Some bytes changed, cut off or added, behind the first `keep`."""
    raw = bytearray(data)
    for _ in range(chance.randrange(4)):
        if len(raw) > keep:
            raw[chance.randrange(keep, len(raw))] = chance.randrange(256)
    if chance.random() < 0.3:
        del raw[chance.randrange(keep, len(raw) + 1) :]
    if chance.random() < 0.2:
        raw += chance.randbytes(chance.randrange(40))
    return bytes(raw)


def nonsense(peer: Peer, chance: random.Random, payload: bytes) -> None:
    """One packet that is encrypted well and means nothing, or little."""
    ssrc = chance.getrandbits(32)  # a stream of its own, so that SRTP's replay window of the real one is left alone
    if chance.random() < 0.5:
        packet = RtpPacket(111, False, chance.getrandbits(16), chance.getrandbits(32), ssrc, payload).encode()
        first = 0x80 | chance.choice((0, 0x10, 0x20, 0x0F, 0x3F))
        peer.send_rtp(bytes((first,)) + mutated(packet[1:], chance, 11))
    else:
        blocks = [rtcp.ReportBlock(chance.getrandbits(32), 255, 0, chance.getrandbits(32), 0, 0, 0)]
        whole = chance.choice(
            (
                OutStream(Ids(1)).report(1.0, 1.0, blocks),
                rtcp.SenderReport(ssrc, 1, 2, 3, 4, tuple(blocks)).encode(),
                rtcp.Bye((ssrc, 1, 2)).encode(),
                struct.pack("!BBH", 0x80 | chance.randrange(32), chance.randrange(192, 224), chance.randrange(9)),
            )
        )
        peer.send_rtcp(whole[:8].ljust(8, b"\0") + mutated(whole[8:], chance, 0))


@dataclass
class Nonsense:
    """A text of a relay that is not an event of the protocol."""

    value: dict[str, object]

    def to_text(self) -> str:
        return json.dumps(self.value)


def some_json(chance: random.Random) -> dict[str, object]:
    """Something like an event."""
    values: list[object] = [None, -1, 0, 2**32, 1.5, "", "x" * 300, [], {}, True, "quit"]
    kinds = ["joined", "published", "unpublished", "left", "kicked", "renewed", "token_expiring", "renewal_refused", ""]
    fields = {name: chance.choice(values) for name in chance.sample(["uid", "ssrc", "reason", "in_s", "x"], 3)}
    return {"type": chance.choice(kinds), "nonsense": 1, **fields}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nonsense_that_is_encrypted_well(seed: int) -> None:
    async def check(relay: Relay) -> None:
        troubles: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        chance = random.Random(seed)
        payload = OpusEncoder(16_000).encode(tone(0).pcm)
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        (client,) = relay.door._clients.values()  # pyright: ignore[reportPrivateUsage]
        for turn in range(2000):
            nonsense(connection_of(leg).peer, chance, payload)
            nonsense(client.peer, chance, payload)
            if turn % 20 == 0:
                client._put(Nonsense(some_json(chance)))  # type: ignore[arg-type]  # pyright: ignore[reportPrivateUsage]
            # The loop reads one datagram of a socket in each turn.
            await asyncio.sleep(0)
        await until(lambda: leg.counters()["events_malformed"] == 100, "each was dropped and counted")
        counters = leg.counters()
        assert counters["packets_malformed"] > 20
        assert counters["frames_unclaimed"] > 100
        assert relay.room.counters.malformed > 20
        assert len(leg._receiver._streams) <= 64  # pyright: ignore[reportPrivateUsage]
        heard = len(ear.audio)
        callee_ear.audio.clear()
        for index in range(100):
            leg.send(tone(index))
            callee.send(tone(index))
            await asyncio.sleep(0.001)
        await until(lambda: len(ear.audio) == heard + 100, "the leg lives and hears every frame")
        assert ear.positions[heard:] == [index * FRAME_SAMPLES for index in range(100)]
        # To the room the leg is one talker; after nonsense under its name it needs two packets to be believed.
        await until(lambda: len(callee_ear.audio) >= 98, "the relay lives and passes on")
        steps = {b - a for a, b in zip(callee_ear.positions[-90:], callee_ear.positions[-89:], strict=False)}
        assert steps == {FRAME_SAMPLES}
        assert of_the_leg(ear) == []
        assert troubles == [], "nothing got as far as the loop"
        await leg.leave()

    with_relay(check)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nonsense_from_other_programs_at_the_sockets(seed: int) -> None:
    async def check(relay: Relay) -> None:
        troubles: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        chance = random.Random(seed)
        ear, callee_ear = Ear(), Ear()
        callee = relay.room.join_pcm(9, callee_ear)
        callee.publish()
        leg = await AiortcTransport().join(relay.grant(7), ear)
        (client,) = relay.door._clients.values()  # pyright: ignore[reportPrivateUsage]
        doors = [
            (candidate.ip, candidate.port)
            for peer in (connection_of(leg).peer, client.peer)
            for candidate in (await peer.gather()).ice.candidates
            if candidate.ip == "127.0.0.1"
        ]
        stun = struct.pack("!HHL12s", 1, 8, 0x2112A442, b"t" * 12) + struct.pack("!HHL", 0x0024, 4, 1)
        starts = [stun, stun[:20], b"\x16\xfe\xfd" + bytes(10), b"\x80\x6f" + bytes(20), b"\x80\xc8" + bytes(20), b""]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(3000):
                stranger.sendto(mutated(chance.choice(starts), chance, 0), chance.choice(doors))
                await asyncio.sleep(0)
        for index in range(50):
            leg.send(tone(index))
            callee.send(tone(index))
            await asyncio.sleep(0.001)
        await until(lambda: len(ear.audio) == len(callee_ear.audio) == 50, "both live, and hear every frame")
        assert leg.counters()["packets_stray"] > 100
        assert relay.door.strays > 100, "they are no client's"
        assert of_the_leg(ear) == []
        assert troubles == []
        await leg.leave()

    with_relay(check)
