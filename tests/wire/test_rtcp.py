"""RTCP: what we write is read by us and by aiortc's parser, and hostile bytes do no harm."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket
from hypothesis import given
from hypothesis import strategies as st

from offhook_wire import rtcp
from offhook_wire.rtp import MalformedPacket

uint32 = st.integers(0, 2**32 - 1)
blocks = st.lists(
    st.builds(
        rtcp.ReportBlock,
        ssrc=uint32,
        fraction_lost=st.integers(0, 255),
        packets_lost=st.integers(-(2**23), 2**23 - 1),
        highest_sequence=uint32,
        jitter=uint32,
        last_sr=uint32,
        delay_since_last_sr=uint32,
    ),
    max_size=31,
).map(tuple)
sender_reports = st.builds(
    rtcp.SenderReport,
    ssrc=uint32,
    ntp=st.integers(0, 2**64 - 1),
    timestamp=uint32,
    packets=uint32,
    octets=uint32,
    blocks=blocks,
)
receiver_reports = st.builds(rtcp.ReceiverReport, ssrc=uint32, blocks=blocks)
byes = st.builds(rtcp.Bye, st.lists(uint32, min_size=1, max_size=31).map(tuple))


@given(st.lists(sender_reports | receiver_reports | byes, max_size=4))
def test_round_trip_in_a_compound_packet(packets: list[rtcp.Rtcp]) -> None:
    data = b"".join(packet.encode() + rtcp.source_description(1, "name") for packet in packets)
    assert rtcp.parse(data) == packets


def test_aiortc_reads_what_we_write() -> None:
    block = rtcp.ReportBlock(5, 128, -3, 70_000, 9, 10, 11)
    report = rtcp.SenderReport(1, 2**63 + 5, 3, 4, 5, (block,))
    data = report.encode() + rtcp.source_description(1, "uid-7") + rtcp.Bye((1, 2)).encode()
    sr, sdes, bye = RtcpPacket.parse(data + rtcp.ReceiverReport(8).encode())[:3]
    assert isinstance(sr, RtcpSrPacket)
    assert (sr.ssrc, sr.sender_info.ntp_timestamp, sr.sender_info.packet_count) == (1, 2**63 + 5, 4)
    assert (sr.reports[0].ssrc, sr.reports[0].packets_lost, sr.reports[0].highest_sequence) == (5, -3, 70_000)
    assert isinstance(sdes, RtcpSdesPacket)
    assert sdes.chunks[0].items == [(1, b"uid-7")]
    assert isinstance(bye, RtcpByePacket)
    assert bye.sources == [1, 2]
    assert isinstance(RtcpPacket.parse(rtcp.ReceiverReport(8).encode())[0], RtcpRrPacket)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80",
        b"\x80\xc8\x00\x09",
        b"\x00\xc8\x00\x00",
        b"\x81\xc8\x00\x06" + bytes(24),
        b"\x82\xcb\x00\x01" + bytes(4),
        b"\xa0\xc9\x00\x01" + b"\0\0\0\x09",
        b"\xa0\xc9\x00\x01" + bytes(4),
        b"\xa0\xc9\x00\x00",
    ],
)
def test_wrong_lengths_are_rejected(data: bytes) -> None:
    with pytest.raises(MalformedPacket):
        rtcp.parse(data)


@given(st.binary(max_size=120) | st.binary(max_size=120).map(lambda rest: b"\x9f\xc8\x00\x0c" + rest))
def test_any_bytes_are_packets_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedPacket):
        rtcp.parse(data)


def test_more_items_than_fit_are_rejected() -> None:
    with pytest.raises(ValueError, match="at most 31"):
        rtcp.Bye(tuple(range(32))).encode()


def test_ntp_time_counts_from_1900_in_32nd_powers() -> None:
    assert rtcp.ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)


def test_unknown_packets_are_skipped() -> None:
    application = struct.pack("!BBHL", 0x80, 204, 1, 1)
    assert rtcp.parse(application + rtcp.Bye((1,)).encode()) == [rtcp.Bye((1,))]
