"""Delivery by itself: what reports say about our stream, in invented time."""

from __future__ import annotations

import pytest

from offhook_aiortc.delivery import Delivery
from offhook_wire.rtcp import ReportBlock


def block(highest: int, fraction_lost: int = 0) -> ReportBlock:
    return ReportBlock(5, fraction_lost, 0, highest, 0, 0, 0)


class Line:
    """50 packets a second and a report each second; `arrives` says whether the relay got a packet."""

    def __init__(self, first: int = 60_000) -> None:
        self.delivery = Delivery(3.0)
        self.changes: list[tuple[float, bool]] = []
        self.now_s = 100.0
        self.sequence = first
        self.highest: int | None = None
        self.cycles = 0

    def run(self, duration_s: float, *, arrives: bool = True, sends: bool = True, reports: bool = True) -> None:
        for _ in range(round(duration_s * 50)):
            self.now_s = round(self.now_s + 0.02, 2)
            if sends:
                self.sequence = (self.sequence + 1) & 0xFFFF
                self.delivery.sent(self.sequence, self.now_s)
                if arrives:
                    self.highest = self.sequence
            if reports and round(self.now_s * 50) % 50 == 0:
                self.delivery.reported(None if self.highest is None else block(self.highest), self.now_s)
            if self.delivery.changed(self.now_s):
                self.changes.append((self.now_s, self.delivery.lost))


def test_a_stream_that_arrives_is_not_lost_over_the_wrap_of_its_numbers() -> None:
    line = Line(65_000)
    line.run(60)
    assert line.changes == []


@pytest.mark.fault("F25")
@pytest.mark.parametrize("before_s", [10, 10.02, 10.5, 10.98])
def test_a_loss_is_reported_3_s_after_the_first_packet_that_did_not_arrive(before_s: float) -> None:
    line = Line()
    line.run(before_s)
    cut_s = line.now_s
    line.run(6, arrives=False)
    assert [lost for _, lost in line.changes] == [True]
    assert 3.0 <= line.changes[0][0] - cut_s <= 3.1
    line.run(3)
    assert [lost for _, lost in line.changes] == [True, False]


def test_a_stream_that_never_arrived_is_lost() -> None:
    line = Line()
    line.run(5, arrives=False)
    assert [lost for _, lost in line.changes] == [True]


def test_a_few_packets_lost_before_a_pause_are_not_one_way_audio_nor_is_the_talk_after_it() -> None:
    line = Line()
    line.run(5)
    line.run(0.4, arrives=False)
    line.run(10, sends=False)
    line.run(20)
    assert line.changes == []


def test_missing_reports_are_not_evidence() -> None:
    line = Line()
    line.run(5)
    line.run(10, reports=False, arrives=False)
    assert line.changes == []


def test_a_pause_does_not_end_it() -> None:
    line = Line()
    line.run(5)
    line.run(4, arrives=False)
    line.run(5, sends=False)
    line.run(2, arrives=False)
    assert [lost for _, lost in line.changes] == [True]
    line.run(2)
    assert [lost for _, lost in line.changes] == [True, False]


def test_a_report_that_all_is_lost_is_as_good_as_none_that_moves() -> None:
    delivery = Delivery(3.0)
    now_s = 0.0
    for number in range(400):
        now_s = number * 0.02
        delivery.sent(number, now_s)
        if number % 50 == 0:
            delivery.reported(block(number, 255), now_s)
        if delivery.changed(now_s):
            break
    assert delivery.lost
    assert 3.0 <= now_s <= 3.1


def test_a_latency_step_of_2_s_is_not_lost_audio() -> None:
    line = Line()
    line.run(5)
    line.run(2, arrives=False)
    line.run(10)
    assert line.changes == []


def test_after_an_outage_it_begins_anew() -> None:
    line = Line()
    line.run(5)
    line.run(2.9, arrives=False)
    line.delivery.restart()
    line.run(2.5, arrives=False)
    assert line.changes == []
    line.run(2, arrives=False)
    assert [lost for _, lost in line.changes] == [True]
    line.delivery.restart()
    line.run(3)
    assert [lost for _, lost in line.changes] == [True, False]
