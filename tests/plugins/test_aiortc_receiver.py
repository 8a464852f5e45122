"""Streams and members meet in either order, and neither can grow without bound."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.interfaces.ids import Ids
from offhook_aiortc.receiver import Receiver
from offhook_wire import rtcp, rtp
from offhook_wire.media_counts import MediaCounts
from offhook_wire.opus import OpusEncoder
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces.frame import AudioFrame

Heard = list[tuple[int, int]]


def with_receiver(check: Callable[[Receiver, Heard], None]) -> None:
    async def main() -> None:
        heard: Heard = []

        def deliver(uid: int, frame: AudioFrame) -> None:
            heard.append((uid, frame.position))

        hearing = Receiver(deliver, rate_hz=16_000, loop=asyncio.get_running_loop(), counts=MediaCounts(), wait_ms=5)
        check(hearing, heard)
        hearing.close()

    asyncio.run(main())


class Talker:
    def __init__(self, seed: int) -> None:
        self.out, self.encoder = OutStream(Ids(seed)), OpusEncoder(16_000)

    def packet(self, index: int) -> rtp.RtpPacket:
        return rtp.parse(self.out.packet(self.encoder.encode(bytes(640)), index * 960, 0.0))


def test_audio_of_an_unknown_member_waits_for_the_member() -> None:
    def check(hearing: Receiver, heard: Heard) -> None:
        talker = Talker(1)
        for index in range(3):
            hearing.add(talker.packet(index), 0.0)
        assert heard == []
        hearing.claim(talker.out.ssrc, 9)
        assert heard == [(9, 0), (9, 320), (9, 640)]
        assert hearing.counters()["frames_unclaimed"] == 0

    with_receiver(check)


def test_unclaimed_audio_is_bounded_and_counted() -> None:
    def check(hearing: Receiver, heard: Heard) -> None:
        talker = Talker(1)
        for index in range(60):
            hearing.add(talker.packet(index), 0.0)
        for seed in range(2, 100):
            hearing.add(Talker(seed).packet(0), 0.0)
        hearing.claim(talker.out.ssrc, 9)
        assert len(heard) == 50
        assert hearing.counters()["frames_unclaimed"] == 10 + (99 - 64)

    with_receiver(check)


def test_an_end_delivers_held_audio_and_the_stream_may_continue() -> None:
    def check(hearing: Receiver, heard: Heard) -> None:
        talker = Talker(1)
        hearing.claim(talker.out.ssrc, 9)
        packets = [talker.packet(index) for index in range(4)]
        hearing.add(packets[0], 0.0)
        hearing.add(packets[2], 0.0)
        assert hearing.speaking(9)
        assert hearing.end(talker.out.ssrc) == 9
        assert heard == [(9, 0), (9, 320), (9, 640)]
        assert not hearing.speaking(9)
        assert hearing.blocks(0.0) == []
        hearing.add(packets[3], 0.0)
        assert hearing.speaking(9)
        assert heard[-1] == (9, 960)
        assert hearing.end(12345) is None

    with_receiver(check)


def test_counters_only_grow() -> None:
    def check(hearing: Receiver, heard: Heard) -> None:
        talker = Talker(1)
        packets = [talker.packet(index) for index in range(3)]
        hearing.add(packets[0], 0.0)
        hearing.add(packets[2], 0.0)
        assert hearing.counters()["packets_lost"] == 1
        hearing.add(packets[1], 0.0)
        assert hearing.counters()["packets_lost"] == 1

    with_receiver(check)


def test_sender_reports_are_echoed_in_the_blocks() -> None:
    def check(hearing: Receiver, heard: Heard) -> None:
        talker = Talker(1)
        hearing.add(talker.packet(0), 0.0)
        hearing.heard_report(rtcp.SenderReport(talker.out.ssrc, 0x1234 << 16, 0, 0, 0), 1.0)
        (block,) = hearing.blocks(2.0)
        assert (block.ssrc, block.last_sr, block.delay_since_last_sr) == (talker.out.ssrc, 0x1234, 65_536)

    with_receiver(check)
