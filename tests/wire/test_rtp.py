"""RTP headers with lengths that lie, and arithmetic across the wraps."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook_wire import rtp
from offhook_wire.rtp import MalformedPacket, RtpPacket

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    marker=st.booleans(),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFF_FFFF),
    ssrc=st.integers(0, 0xFFFF_FFFF),
    payload=st.binary(max_size=100),
)


def header(first: int, *, second: int = 111) -> bytes:
    return struct.pack("!BBHLL", first, second, 1, 2, 3)


@given(packets)
def test_round_trip(packet: RtpPacket) -> None:
    assert rtp.parse(packet.encode()) == packet


def test_csrcs_extension_and_padding_are_skipped() -> None:
    data = header(0x80 | 0x20 | 0x10 | 2) + bytes(8) + b"\xbe\xde\x00\x01abcd" + b"opus" + b"\0\0\3"
    assert rtp.parse(data).payload == b"opus"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        header(0x40) + b"x",
        header(0x8F),
        header(0x90),
        header(0x90) + b"\0\0\0",
        header(0x90) + b"\0\0\xff\xff" + b"x",
        header(0xA0) + b"x\0",
        header(0xA0) + b"x\x03",
        header(0xA0),
        header(0xB1) + bytes(4) + b"\0\0\0\0" + b"\x07",
    ],
)
def test_wrong_lengths_are_rejected(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        rtp.parse(data)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: header(0xBF) + rest))
def test_any_bytes_are_a_packet_or_malformed(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except MalformedPacket:
        return
    assert len(packet.payload) <= len(data) - 12
    assert packet.payload in data


@given(st.integers(0, 0xFFFF), st.integers(-32768, 32767))
def test_sequence_distance_undoes_addition(start: int, step: int) -> None:
    assert rtp.sequence_distance((start + step) & 0xFFFF, start) == step


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_timestamp_distance_undoes_addition(start: int, step: int) -> None:
    assert rtp.timestamp_distance((start + step) & 0xFFFF_FFFF, start) == step


def test_the_second_byte_distinguishes_rtcp_from_rtp() -> None:
    kinds = {second: rtp.is_rtcp(header(0x80, second=second)) for second in range(256)}
    assert [second for second, is_rtcp in kinds.items() if is_rtcp] == list(range(192, 224))
    assert not rtp.is_rtcp(b"\x80")
