"""What is counted about an incoming stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook_wire import rtcp, rtp
from offhook_wire.rtp_in import InStream


def packet(sequence: int, timestamp: int = 0) -> rtp.RtpPacket:
    return rtp.RtpPacket(111, False, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, 9, b"x")


@given(st.integers(0, 0xFFFF), st.integers(1, 400), st.sets(st.integers(1, 398), max_size=40))
def test_losses_are_counted_across_the_wrap(start: int, count: int, missing: set[int]) -> None:
    stream = InStream(9)
    sent = [index for index in range(count) if index not in missing or index == count - 1]
    for index in sent:
        stream.add(packet(start + index, 960 * index), index * 0.02)
    assert stream.received == len(sent)
    assert stream.lost == count - len(sent)
    block = stream.block(count * 0.02)
    assert block.packets_lost == count - len(sent)
    assert block.highest_sequence == start + count - 1
    assert block.jitter <= 1, "one frame every 20 ms is not jitter"


def test_the_fraction_is_since_the_last_block() -> None:
    stream = InStream(9)
    for sequence in (1, 2, 4):
        stream.add(packet(sequence), 0.0)
    assert stream.block(0.0).fraction_lost == 64
    for sequence in (5, 6, 7, 8):
        stream.add(packet(sequence), 0.0)
    assert stream.block(0.0).fraction_lost == 0
    assert stream.block(0.0).packets_lost == 1


def test_duplicates_do_not_make_the_loss_negative() -> None:
    stream = InStream(9)
    for sequence in (1, 1, 1):
        stream.add(packet(sequence), 0.0)
    assert stream.lost == 0
    assert stream.block(0.0).fraction_lost == 0


def test_jitter_grows_with_uneven_arrival_and_not_with_a_pause() -> None:
    even, uneven = InStream(1), InStream(2)
    for index in range(50):
        even.add(packet(index, 960 * index), index * 0.02)
        uneven.add(packet(index, 960 * index), index * 0.02 + (index % 2) * 0.01)
    assert even.block(1.0).jitter <= 1
    assert 200 < uneven.block(1.0).jitter < 600
    before = even.block(1.0).jitter
    even.add(packet(50, 960 * 50 + 480_000), 1.0)
    assert even.block(1.0).jitter == before


def test_the_last_sender_report_is_echoed() -> None:
    stream = InStream(9)
    assert stream.block(1.0).last_sr == 0
    stream.heard_report(rtcp.SenderReport(9, 0x1122_3344_5566_7788, 0, 0, 0), 2.0)
    block = stream.block(2.5)
    assert (block.last_sr, block.delay_since_last_sr) == (0x3344_5566, 32_768)


def test_without_packets_nothing_is_lost() -> None:
    block = InStream(9).block(1.0)
    assert (block.packets_lost, block.fraction_lost, block.highest_sequence) == (0, 0, 0)
