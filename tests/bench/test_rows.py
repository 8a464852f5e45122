"""What the benchmark's rows measure, each in a small version: that it runs, and that its figures are figures."""

from __future__ import annotations

import asyncio
import sys

import pytest
from tests.bench import after_rows, caller_rows, lines_rows, port_rows, ring_rows, start_rows
from tests.bench.checkouts import ROOT, checkout
from tests.bench.method import HAS_PROC, is_void
from tests.bench.serving import ARMS, BARE, MOCK, Serving


def test_both_servers_answer_about_lines() -> None:
    with Serving(lines_rows.REQUEST) as serving:
        spent_us = {arm: serving.spend_us(arm, rounds=2) for arm in ARMS}
    assert all(value > 0 for value in spent_us.values())


def test_both_servers_start_calls_and_those_of_the_mock_end() -> None:
    with Serving(ring_rows.REQUEST) as serving:
        assert serving.spend_us(BARE, rounds=1) > 0
        assert serving.spend_us(MOCK, rounds=1, ends=True) > 0


def test_no_old_version_is_compared_with_where_the_clone_lacks_it() -> None:
    with checkout("0" * 40) as folder:
        assert folder is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the CPU time of another process")
def test_a_server_is_timed_until_its_first_answer() -> None:
    cpu_ms, wall_ms = start_rows.first_answer(start_rows.MOCK, ROOT)
    assert cpu_ms > 0
    assert wall_ms > 0
    with pytest.raises(RuntimeError, match="did not answer with 200"):
        start_rows.first_answer(("-m", "http.server", "--bind", "127.0.0.1"), ROOT)


def test_imports_are_timed_in_a_process_of_their_own() -> None:
    assert start_rows.import_ms("import json", ROOT) > 0
    with pytest.raises(RuntimeError, match="import nothing_at_all failed"):
        start_rows.import_ms("import nothing_at_all", ROOT)


@pytest.mark.slow
def test_packets_go_through_the_relay_and_none_is_missing() -> None:
    forwarded = asyncio.run(port_rows.run(ROOT, 1, counted_s=1.0))
    assert forwarded.packet_us > 0
    assert forwarded.rate > 25, "one packet in two is lost"
    assert port_rows.Forwarded(50, rate=45.1).rates == []
    assert is_void(port_rows.Forwarded(50, rate=44.9).rates)


@pytest.mark.slow
def test_callers_and_mocks_are_charged_for_calls_and_for_set_ups() -> None:
    up = asyncio.run(caller_rows.run_calls(ROOT, 1, counted_s=1.0))
    assert min(up.caller, up.mock) > 0
    assert up.rates[0] > 25
    set_ups = asyncio.run(caller_rows.run_set_ups(ROOT, 1))
    assert min(set_ups.caller, set_ups.mock) > 0
    assert not is_void(set_ups.rates)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PROC, reason="there is no /proc here")
def test_memory_is_read_before_and_after_calls_have_ended() -> None:
    ends = asyncio.run(after_rows.run(first=1, ended=2, running=1))
    assert ends.caller.running != 0
    assert ends.mock.running != 0
    assert after_rows.Memory(running=1000, left=-1).share == 0
