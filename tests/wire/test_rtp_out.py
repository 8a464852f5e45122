"""Outgoing streams: numbering, pauses, changes of source, reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook.interfaces.ids import Ids
from offhook_wire import rtcp, rtp
from offhook_wire.rtp_out import OutStream


def source_packet(sequence: int, timestamp: int, marker: bool = False) -> rtp.RtpPacket:
    return rtp.RtpPacket(96, marker, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, 99, b"opus")


@given(st.integers())
def test_the_first_sequence_number_is_in_the_lower_half(seed: int) -> None:
    own, passed_on = OutStream(Ids(seed)), OutStream(Ids(seed))
    assert rtp.parse(own.packet(b"x", 0, 0.0)).sequence < 0x8000
    forwarded = passed_on.forward("a", source_packet(40_000, 0), 0.0)
    assert forwarded is not None
    assert rtp.parse(forwarded).sequence < 0x8000


def test_the_seed_determines_the_packets() -> None:
    first, second, other = (OutStream(Ids(seed)).packet(b"x", 0, 0.0) for seed in (1, 1, 2))
    assert first == second != other


def test_the_timestamp_follows_the_position_and_a_jump_sets_the_marker() -> None:
    out = OutStream(Ids(1), payload_type=100)
    packets = [rtp.parse(out.packet(b"x", position, 0.0)) for position in (0, 960, 1920, 48_000, 48_960)]
    assert [packet.marker for packet in packets] == [True, False, False, True, False]
    assert [rtp.timestamp_distance(p.timestamp, packets[0].timestamp) for p in packets] == [
        0,
        960,
        1920,
        48_000,
        48_960,
    ]
    assert [rtp.sequence_distance(p.sequence, packets[0].sequence) for p in packets] == [0, 1, 2, 3, 4]
    assert {packet.payload_type for packet in packets} == {100}


@given(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.lists(st.integers(0, 40), max_size=60))
def test_forwarding_keeps_the_sources_order_and_losses(sequence: int, timestamp: int, steps: list[int]) -> None:
    out = OutStream(Ids(1))
    seen: list[tuple[int, int]] = []
    for step in [0, *steps]:
        data = out.forward("a", source_packet(sequence + step, timestamp + 960 * step), 0.0)
        assert data is not None
        packet = rtp.parse(data)
        seen.append((packet.sequence, packet.timestamp))
    for step, (out_sequence, out_timestamp) in zip(steps, seen[1:], strict=True):
        assert rtp.sequence_distance(out_sequence, seen[0][0]) == step
        assert rtp.timestamp_distance(out_timestamp, seen[0][1]) == 960 * step


def test_a_new_source_continues_after_the_time_that_passed() -> None:
    out = OutStream(Ids(1))
    first = out.forward("a", source_packet(65_535, 2**32 - 1), 0.0)
    second = out.forward("b", source_packet(7, 5), 1.0)
    again = out.forward("a", source_packet(3, 4000), 1.02)
    assert first is not None
    assert second is not None
    assert again is not None
    one, two, three = (rtp.parse(data) for data in (first, second, again))
    assert rtp.sequence_distance(two.sequence, one.sequence) == 1
    assert rtp.timestamp_distance(two.timestamp, one.timestamp) == 48_000
    assert rtp.sequence_distance(three.sequence, two.sequence) == 1
    assert rtp.timestamp_distance(three.timestamp, two.timestamp) == 960
    assert two.marker
    assert three.marker


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 3)), min_size=1, max_size=300), st.integers(0, 0xFFFF))
def test_no_number_is_sent_twice_with_other_content(moves: list[tuple[str, int]], start: int) -> None:
    """Duplicates apart, which SRTP's replay window keeps away from us."""
    out = OutStream(Ids(1))
    position = {"a": start, "b": start}
    sent: dict[int, tuple[str, int]] = {}
    given_to: set[tuple[str, int]] = set()
    for source, step in moves:
        position[source] += 1
        sequence = position[source] + step
        if (source, sequence) in given_to:
            continue
        given_to.add((source, sequence))
        data = out.forward(source, source_packet(sequence, 0), 0.0)
        if data is not None:
            number = rtp.parse(data).sequence
            assert number not in sent, (sent[number], (source, sequence))
            sent[number] = (source, sequence)


def test_reports_are_compound_and_count_what_was_sent() -> None:
    out = OutStream(Ids(1), cname="uid-7")
    (before,) = rtcp.parse(out.report(0.0, 0.0))
    assert before == rtcp.ReceiverReport(out.ssrc)
    packet = rtp.parse(out.packet(b"opus", 0, 10.0))
    data = out.report(10.5, 100.0, [rtcp.ReportBlock(1, 2, 3, 4, 5, 6, 7)])
    assert b"uid-7" in data
    (report,) = rtcp.parse(data)
    assert isinstance(report, rtcp.SenderReport)
    assert (report.ssrc, report.packets, report.octets) == (out.ssrc, 1, 4)
    assert report.ntp == rtcp.ntp_time(100.0)
    assert rtp.timestamp_distance(report.timestamp, packet.timestamp) == 24_000
    assert [block.ssrc for block in report.blocks] == [1]


def test_bye_names_the_stream() -> None:
    out = OutStream(Ids(1))
    assert rtcp.parse(out.bye()) == [rtcp.ReceiverReport(out.ssrc), rtcp.Bye((out.ssrc,))]


def forwarded(out: OutStream, sequence: int, timestamp: int, now_s: float) -> rtp.RtpPacket | None:
    data = out.forward("a", source_packet(sequence, timestamp), now_s)
    return None if data is None else rtp.parse(data)


def test_a_source_that_starts_its_numbering_anew_continues_ours() -> None:
    """SRTP does not send a number far behind, so the listener would hear nothing more."""
    for jump in (5_000, 32_768, 59_601, -500):
        out = OutStream(Ids(1))
        for index in range(300):
            last = forwarded(out, 10_000 + index, index * 960, index * 0.02)
        assert last is not None
        assert forwarded(out, 10_299 + jump, 77, 6.0) is None, "one alone is a stray"
        restarted = forwarded(out, 10_300 + jump, 77, 6.02)
        following = forwarded(out, 10_301 + jump, 77 + 960, 6.04)
        assert restarted is not None
        assert following is not None
        assert rtp.sequence_distance(restarted.sequence, last.sequence) == 1
        assert rtp.sequence_distance(following.sequence, last.sequence) == 2
        assert rtp.timestamp_distance(restarted.timestamp, last.timestamp) == 2 * 960
        assert restarted.marker
        assert not following.marker


def test_a_stray_is_not_forwarded_and_changes_nothing() -> None:
    out = OutStream(Ids(1))
    first = forwarded(out, 10, 0, 0.0)
    assert forwarded(out, 40_000, 0, 0.01) is None
    second = forwarded(out, 11, 960, 0.02)
    assert forwarded(out, 40_001, 0, 0.03) is None, "the one before it was long ago"
    third = forwarded(out, 12, 1920, 0.04)
    assert first is not None
    assert second is not None
    assert third is not None
    assert [rtp.sequence_distance(p.sequence, first.sequence) for p in (second, third)] == [1, 2]
    assert [rtp.timestamp_distance(p.timestamp, first.timestamp) for p in (second, third)] == [960, 1920]


@given(st.lists(st.integers(0, 0xFFFF), max_size=200))
def test_whatever_the_numbers_are_ours_stay_within_what_srtp_sends(sequences: list[int]) -> None:
    out = OutStream(Ids(1))
    highest: int | None = None
    for sequence in sequences:
        packet = forwarded(out, sequence, 0, 0.0)
        if packet is None:
            continue
        if highest is not None:
            assert -101 <= rtp.sequence_distance(packet.sequence, highest) <= 3001
        if highest is None or rtp.sequence_distance(packet.sequence, highest) > 0:
            highest = packet.sequence
