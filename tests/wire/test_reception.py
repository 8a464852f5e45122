"""From packets to frames: sizes, positions, counters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.interfaces.ids import Ids
from offhook_wire import rtp
from offhook_wire.opus import OpusEncoder
from offhook_wire.reception import Reception
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame


def test_positions_are_samples_at_the_rate_of_the_frames() -> None:
    async def main() -> None:
        for rate_hz in (8_000, 16_000, 48_000):
            heard: list[AudioFrame] = []
            reception = Reception(heard.append, rate_hz, asyncio.get_running_loop())
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
        reception = Reception(heard.append, 16_000, asyncio.get_running_loop())
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
