"""How long an Opus packet plays, as libopus itself says it."""

from __future__ import annotations

import ctypes

import pytest

from offhook_wire.opus import OpusEncoder
from offhook_wire.opus_libopus import find_libopus
from offhook_wire.opus_packet import duration_ticks


def test_a_frame_of_ours_plays_20_ms() -> None:
    assert duration_ticks(OpusEncoder(16_000).encode(bytes(640))) == 960


@pytest.mark.parametrize("payload", [b"", b"\x03", b"\xff\x00", bytes([0x7B, 0x3F]), bytes([0x1B, 13])])
def test_what_is_not_a_packet_plays_for_an_unknown_time(payload: bytes) -> None:
    assert duration_ticks(payload) == 0


def test_it_agrees_with_libopus() -> None:
    backend = find_libopus()
    assert backend is not None
    library = ctypes.CDLL(backend.name.rpartition(" at ")[2])
    for toc in range(256):
        for count in range(64):
            payload = bytes((toc, count)) + bytes(130)
            ticks = library.opus_packet_get_nb_samples(payload, len(payload), 48_000)
            assert duration_ticks(payload) == max(ticks, 0), (toc, count)
