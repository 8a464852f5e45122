"""The benchmark itself: its statistics, its turns, its table, and a run of two of its rows."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bench import events_rows, kit_rows, load_rows, many_rows
from tests.bench.calibration import calibration_s
from tests.bench.method import (
    HAS_PROC,
    MOST_REPEATS,
    NothingHeard,
    Usage,
    delays_ms,
    is_void,
    median,
    middle,
    percentile,
    ratio,
    take_turns,
)
from tests.bench.peers.install import PeerMissing
from tests.bench.run import SETS, measure, place
from tests.bench.table import Row, as_json, exit_code
from tests.bench.voice import PERIOD_FRAMES, Voice, table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RUN = Path(__file__).with_name("run.py")
ROOT = Path(__file__).resolve().parents[2]
ROW = Row(id="G2", what="CPU per call", value=0.4, floor=1.05, goal=0.38, turns=(0.5, 0.4, 0.3), note="5 against 12 ms")


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(NothingHeard):
        percentile([], 0.5)
    with pytest.raises(NothingHeard):
        median([])


def test_a_burst_heard_belongs_to_the_newest_one_sent_before_it() -> None:
    sent = [1.0, 1.5, 2.0]
    assert delays_ms(sent, [0.9, 1.0, 1.58, 1.62, 2.4, 2.6], 0.5) == pytest.approx([0, 80, 120, 400])


def test_medians_and_ratios_of_nothing_are_not_numbers() -> None:
    assert middle([]) is None
    assert middle([math.nan]) is None
    assert middle([3.0, math.nan, 1.0, 2.0]) == 2
    assert json.loads(as_json([replace(ROW, turns=(math.nan, 1.0))]))[0]["turns"] == [None, 1.0]
    assert ratio(1, 4) == 0.25
    assert math.isnan(ratio(1, 0))


def test_rates_and_cpu_are_differences_of_two_readings() -> None:
    before = Usage(at_s=10, cpu_s=1.0, rss_bytes=0, threads=1, frames=100, streams=10)
    after = Usage(at_s=12, cpu_s=1.5, rss_bytes=0, threads=1, frames=1100, streams=10)
    assert (after.rate(before), after.cpu_ms_per_s(before)) == (50, 250)


@pytest.mark.parametrize(("rates", "void"), [([50.5, 49.5], False), ([50, 50.51], True), ([49.49], True), ([], False)])
def test_a_turn_is_void_when_a_rate_is_more_than_one_percent_off(rates: list[float], void: bool) -> None:
    assert is_void(rates) is void


@dataclass
class Measured:
    value: float
    rates: list[float]


def arm(log: list[str], name: str, *rates: float) -> Callable[[], Awaitable[Measured]]:
    """An arm whose runs have these frame rates, one after the other, and then 50."""
    left = list(rates)

    async def run() -> Measured:
        log.append(name)
        return Measured(float(len(log)), [left.pop(0) if left else 50.0])

    return run


def test_arms_take_turns_and_a_void_one_is_repeated_at_once() -> None:
    log: list[str] = []
    taken = asyncio.run(take_turns("test", {"a": arm(log, "a"), "b": arm(log, "b", 45)}, 2))
    assert log == ["a", "b", "b", "a", "b"]
    assert taken.void == 1
    assert taken.each(lambda result: result["b"].value - result["a"].value) == [2, 1]
    assert taken.median_of("a", lambda result: result.value) == 2.5


def test_an_arm_that_stays_void_voids_what_is_compared_with_it_in_that_turn() -> None:
    log: list[str] = []
    taken = asyncio.run(take_turns("test", {"a": arm(log, "a", *[45] * (1 + MOST_REPEATS)), "b": arm(log, "b")}, 2))
    assert log == ["a"] * (1 + MOST_REPEATS) + ["b", "a", "b"]
    assert taken.void == 1 + MOST_REPEATS
    assert taken.each(lambda arms: arms["b"].value - arms["a"].value) == [1]
    assert taken.each(lambda arms: arms["b"].value) == [4, 6]
    assert (taken.median_of("a", lambda result: result.value), len(taken.all_of("b"))) == (5, 2)
    assert taken.each(lambda arms: arms["b"].value - arms["a"].value, even_void=True) == [1, 1]
    assert taken.median_of("a", lambda result: result.value, even_void=True) == 4


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (48_000, 2)])
def test_a_voice_hears_each_burst_once_and_nothing_in_the_hum(rate_hz: int, channels: int) -> None:
    voice = Voice(rate_hz, timed=True)
    for index in range(3 * PERIOD_FRAMES):
        pcm = memoryview(voice.say(index)).cast("h").tolist()
        voice.hear(b"".join(value.to_bytes(2, sys.byteorder, signed=True) * channels for value in pcm))
    sent, heard = voice.take_times()
    assert (voice.frames, len(sent), len(heard)) == (3 * PERIOD_FRAMES, 3, 3)
    assert voice.take_times() == ([], [])
    assert len(table(rate_hz)[0]) == rate_hz // 50 * 2


def test_an_unknown_row_is_refused() -> None:
    run = subprocess.run([sys.executable, str(RUN), "--only", "G99"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "'G99' is no row" in run.stderr


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
def test_two_rows_are_measured_and_written(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    run = subprocess.run(
        [sys.executable, str(RUN), "--only", "G8,G15", "--turns", "1", "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr, run.stderr
    rows = {row["id"]: row for row in json.loads(file.read_text(encoding="utf-8"))}
    assert list(rows) == ["G8", "G15"]
    # On a busy machine a turn may stay void; what was measured must be right.
    for name, worst in (("G8", 0.1), ("G15", -1)):
        if rows[name]["value"] is not None:
            assert rows[name]["value"] <= worst, rows[name]
            assert len(rows[name]["turns"]) == 1
    assert run.returncode == int(any(row["value"] is None for row in rows.values())), run.stdout


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(120)
def test_rows_of_the_test_kit_are_measured(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    run = subprocess.run(
        [sys.executable, str(RUN), "--only", "K2,K4", "--turns", "1", "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in run.stderr, run.stderr
    rows = {row["id"]: row for row in json.loads(file.read_text(encoding="utf-8"))}
    assert list(rows) == ["K2", "K2.imports", "K4"]
    assert rows["K2"]["value"] < rows["K2.imports"]["value"]
    assert rows["K4"]["value"] > 0
    assert all(len(row["turns"]) == 3 for row in rows.values())


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(120)
def test_memory_is_read_while_calls_are_declined_and_stories_are_told() -> None:
    figures = kit_rows.run("requests", "100")
    assert figures["requests"] == list(range(100))
    assert all(figures["bytes"]) is HAS_PROC
    assert figures["entries"][0] >= 100
    taken_s, spent_s = kit_rows.tell_stories(4, ("-p", "no:xdist"))
    assert taken_s > 0
    assert spent_s > 0
    with pytest.raises(RuntimeError, match="the stories failed"):
        kit_rows.tell_stories(4, ("-p", "no:xdist", "--deselect", "tests/bench/stories.py"))


@pytest.mark.slow
def test_events_are_streamed_while_a_call_is_up() -> None:
    streamed = asyncio.run(events_rows.run(calls=1, events=5))
    assert (len(streamed.delays_ms), len(streamed.bare_ms)) == (5, 5)
    assert min(streamed.delays_ms + streamed.bare_ms) > 0


def test_a_process_places_calls_with_the_offhook_of_a_checkout_and_every_second_is_heard() -> None:
    measured = load_rows.run(ROOT, 1, talk_s=1)
    assert (measured["calls"], measured["up"], measured["silent_s"], measured["refused"]) == (1, 1, 0, 0)
    assert load_rows.run(ROOT, 2, talk_s=1, storm=True)["up"] == 2


GOOD = {"calls": 2, "up": 2, "late_p99_ms": 3, "skipped": 0, "lost": 0, "lost_at_callees": 0, "silent_s": 0, "slow": 0}


@pytest.mark.parametrize(
    ("changed", "good"),
    [({}, True), ({"up": 1}, False), ({"late_p99_ms": 10.1}, False), ({"skipped": 1}, False), ({"silent_s": 1}, False)],
)
def test_any_damage_makes_a_number_of_calls_too_many(changed: dict[str, int], good: bool) -> None:
    assert load_rows.is_good({**GOOD, **changed}) is good


def test_a_set_that_cannot_be_measured_voids_its_own_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(turns: int) -> list[Row]:
        raise RuntimeError("the baseline did not start")

    async def sound(turns: int) -> list[Row]:
        return [replace(ROW, id="G3"), replace(ROW, id="G6")]

    monkeypatch.setattr("tests.bench.run.SETS", {("G1",): broken, ("G3", "G6"): sound})
    rows = asyncio.run(measure(["G1", "G3", "G6"], 1))
    assert [(row.id, row.verdict) for row in rows] == [
        ("G1", "NOT MEASURED"),
        ("G3", "floor kept, goal missed"),
        ("G6", "floor kept, goal missed"),
    ]
    assert rows[0].note == "the baseline did not start"
    assert exit_code(rows) == 1


def test_a_row_whose_turns_were_all_void_has_no_figures_in_its_note(monkeypatch: pytest.MonkeyPatch) -> None:
    async def void(turns: int) -> list[Row]:
        return [replace(ROW, value=None, void=3, note="nan against nan ms")]

    monkeypatch.setattr("tests.bench.run.SETS", {("G2",): void})
    (row,) = asyncio.run(measure(["G2"], 1))
    assert row.note == "frames were missing in every turn, as on a busy machine"


def test_a_program_that_cannot_be_installed_voids_its_row_and_does_not_fail_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def missing(turns: int) -> list[Row]:
        raise PeerMissing("janus is not installed; as root, type: something")

    monkeypatch.setattr("tests.bench.run.PEERS", {("P1",): missing})
    rows = asyncio.run(measure(["P1"], 1))
    assert [(row.verdict, row.note) for row in rows] == [
        ("NOT MEASURED", "janus is not installed; as root, type: something")
    ]
    assert exit_code(rows) == 0


def test_the_calibration_takes_cpu_time() -> None:
    assert calibration_s() > 0
    assert calibration_s(lambda: 5.0) == 0


def test_calls_at_once_in_virtual_time_are_all_answered_and_heard() -> None:
    assert many_rows.run(ROOT, 2) > 0


def test_every_row_has_its_place_in_the_table() -> None:
    names = [name for names in SETS for name in names]
    assert {"G1", "G9m", "G15", "A1", "C1", "R2", "S3", "M1", *(f"K{number}" for number in range(1, 9))} <= set(names)
    ordered = sorted(names, key=place)
    assert ordered[:2] == ["G1", "G2"]
    assert ordered.index("G9m") == ordered.index("G9") + 1
    assert ordered[-1] == "A5"
    assert len({place(name) for name in names}) == len(names) - 1, "only G9 and G9m share a number"
