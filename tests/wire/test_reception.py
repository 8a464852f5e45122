"""From packets to frames: sizes, positions, counters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook.interfaces.ids import Ids
from offhook_wire import rtp
from offhook_wire.media_counts import MediaCounts
from offhook_wire.opus import OpusEncoder
from offhook_wire.pace import MOST_AHEAD_S
from offhook_wire.reception import Reception
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame


def test_positions_are_samples_at_the_rate_of_the_frames() -> None:
    async def main() -> None:
        for rate_hz in (8_000, 16_000, 48_000):
            heard: list[AudioFrame] = []
            reception = Reception(heard.append, rate_hz, asyncio.get_running_loop(), counts=MediaCounts())
            out, encoder = OutStream(Ids(1)), OpusEncoder(16_000)
            for index in (0, 1, 50):
                reception.add(rtp.parse(out.packet(encoder.encode(bytes(640)), index * 960, 0.0)))
            assert [frame.position for frame in heard] == [index * rate_hz // 50 for index in (0, 1, 50)]
            assert {(frame.rate_hz, frame.samples) for frame in heard} == {(rate_hz, rate_hz // 50)}
            reception.close()
            reception.close()

    asyncio.run(main())


def test_losses_and_garbage_are_frames_too_and_are_counted() -> None:
    async def main() -> None:
        heard: list[AudioFrame] = []
        reception = Reception(heard.append, 16_000, asyncio.get_running_loop(), counts=MediaCounts())
        out, encoder = OutStream(Ids(1)), OpusEncoder(16_000)
        for index in range(6):
            payload = encoder.encode(bytes(640)) if index != 4 else b"\xff\xff\xff"
            packet = rtp.parse(out.packet(payload, index * 960, 0.0))
            if index != 2:
                reception.add(packet)
        reception.flush()
        assert [frame.position for frame in heard] == [320 * index for index in range(6)]
        assert (reception.concealed, reception.decode_errors, reception.late) == (2, 1, 0)
        reception.close()
        reception.add(rtp.parse(out.packet(b"x", 6 * 960, 0.0)))
        assert len(heard) == 6, "nothing after it was closed"

    asyncio.run(main())


def packet(index: int, payload: bytes, timestamp: int) -> rtp.RtpPacket:
    return rtp.RtpPacket(111, False, index, timestamp & 0xFFFF_FFFF, 1, payload)


@pytest.mark.parametrize(
    ("toc", "ms"), [(b"\x7b\x06", 120), (b"\x1b\x01", 60), (b"\xf8", 20), (b"\xf0", 10), (b"\xe0", 2.5)]
)
def test_a_packet_of_any_length_becomes_frames_of_at_most_20_ms(toc: bytes, ms: float) -> None:
    async def main() -> None:
        heard: list[AudioFrame] = []
        reception = Reception(heard.append, 16_000, asyncio.get_running_loop(), counts=MediaCounts())
        for index in range(3):
            reception.add(packet(index, toc + bytes(60), int(index * ms * 48)))
        assert reception.decode_errors == 0
        assert max(frame.duration_ms for frame in heard) <= 20
        assert sum(frame.samples for frame in heard) == 3 * ms * 16
        ends = [frame.position + frame.samples for frame in heard]
        assert [frame.position for frame in heard[1:]] == ends[:-1], "one after the other, without gaps"
        reception.close()

    asyncio.run(main())


def test_frames_of_one_packet_end_when_a_listener_closes_it() -> None:
    async def main() -> None:
        heard: list[AudioFrame] = []

        def deliver(frame: AudioFrame) -> None:
            heard.append(frame)
            reception.close()

        reception = Reception(deliver, 16_000, asyncio.get_running_loop(), counts=MediaCounts())
        reception.add(packet(0, b"\x7b\x06" + bytes(60), 0))
        assert len(heard) == 1

    asyncio.run(main())


@pytest.mark.parametrize("leap", [2**31 - 1, -(2**31) + 1, 48_000 * 3600])
def test_timestamps_that_leap_do_not_take_positions_along(leap: int) -> None:
    async def main() -> None:
        heard: list[AudioFrame] = []
        reception = Reception(heard.append, 16_000, asyncio.get_running_loop(), counts=MediaCounts())
        payload = OpusEncoder(16_000).encode(bytes(640))
        for index in range(100):
            reception.add(packet(index, payload, index * 960 + (index % 2) * leap))
        positions = [frame.position for frame in heard]
        assert len(positions) == 100, "it is heard all the same"
        assert positions == sorted(positions)
        assert positions[-1] < 16_000 * (MOST_AHEAD_S + 2)
        reception.close()

    asyncio.run(main())


def test_more_audio_than_time_is_dropped_and_counted_before_it_is_decoded() -> None:
    async def main() -> None:
        heard: list[AudioFrame] = []
        counts = MediaCounts()
        reception = Reception(heard.append, 16_000, asyncio.get_running_loop(), counts=counts)
        for index in range(10_000):
            reception.add(packet(index, b"\x7b\x06" + bytes(60), index * 5760))
        assert heard[-1].position < 16_000 * (MOST_AHEAD_S + 2)
        assert counts.audio_too_fast > 9_000
        reception.close()

    asyncio.run(main())
