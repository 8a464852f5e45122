"""What the benchmark writes: tables of several runs, and the results in docs/benchmarks.md."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.bench import page
from tests.bench.run import IDS, PEER_IDS, main, place
from tests.bench.table import Row, as_text, merged

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROW = Row(id="G2", what="CPU per call", value=0.4, floor=1.05, goal=0.38, turns=(0.5, 0.3), note="5 against 12 ms")
ORDER = ("G1", "G2", "G6")


def test_the_page_shows_the_rows_of_the_benchmark_and_nothing_but_its_figures() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    order = sorted((*IDS, *PEER_IDS), key=place)
    families = dict.fromkeys(name.partition(".")[0] for name in page.rows_of(text))
    assert list(families) == order
    assert page.with_rows(text, page.read(), order) == text, "run `nox -s bench -- --page`, or undo what was edited"


def test_of_several_runs_the_median_is_shown_and_every_turn_is_kept() -> None:
    runs = [[replace(ROW, value=value, void=1, note=f"run {value}")] for value in (0.3, 0.9, 0.4)]
    (row,) = merged(runs)
    assert (row.value, row.runs, row.turns) == (0.4, [0.3, 0.9, 0.4], [0.5, 0.3] * 3)
    assert (row.void, row.note) == (3, "run 0.4")
    assert "runs 0.300  0.900  0.400; turns 0.500  0.300" in as_text([row])


def test_a_run_in_which_a_row_was_void_does_not_count() -> None:
    void = replace(ROW, value=None, note="void", turns=())
    assert [(row.value, row.runs, row.note) for row in merged([[ROW], [void]])] == [(0.4, [0.4], "5 against 12 ms")]
    assert [(row.value, row.runs, row.note) for row in merged([[void], [void]])] == [(None, [], "void")]
    assert merged([[ROW]]) == [ROW]


def test_new_figures_replace_those_of_their_rows_alone(tmp_path: Path) -> None:
    file, written = tmp_path / "figures.json", tmp_path / "page.md"
    written.write_text(f"# Above\n\n{page.BEGIN}\nold\n{page.END}\n\nBelow.\n", encoding="utf-8")

    def update(rows: list[Row], date: str, machine: str) -> str:
        page.update(rows, date=date, machine=machine, order=ORDER, file=file, page=written)
        return written.read_text(encoding="utf-8")

    p99 = replace(ROW, id="G6.p99", value=None, note="")
    stray = replace(ROW, id="G99")
    first = update([replace(ROW, id="G6", unit="ms", runs=(0.2, 0.5)), p99, stray, ROW], "2026-11-29", "slow")
    assert list(page.read(file)) == ["G2", "G6", "G6.p99"]
    assert page.rows_of(first) == ["G1", "G2", "G6", "G6.p99"]
    assert "| G1 | not measured yet | | | | | |" in first
    assert "| G2 | CPU per call | 0.400 | 0.300 to 0.500 | 1.05 | 0.380 (missed) | 2026-11-29, machine 1 |" in first
    assert "| G6 | CPU per call | 0.400 ms | 0.200 to 0.500 |" in first
    assert "| G6.p99 | CPU per call | not measured |" in first
    second = update([replace(ROW, id="G6", value=0.1, goal=None, turns=(0.1,), note="")], "2026-11-30", "fast")
    assert page.rows_of(second) == ["G1", "G2", "G6"]
    assert "| G6 | CPU per call | 0.100 |  | 1.05 |  | 2026-11-30, machine 2 |" in second
    assert "| 2026-11-29, machine 1 |" in second
    assert "\n1. slow.\n2. fast.\n" in second
    assert second.count("- **") == 1
    assert second.startswith("# Above\n")
    assert second.endswith("\n\nBelow.\n")
    assert list(page.read(file)) == ["G2", "G6"]
    assert page.with_rows(second, page.read(file), ORDER) == second


def test_each_run_is_written_to_the_page_and_an_interruption_loses_no_more_than_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[list[float]] = []
    values = iter((0.2, 0.6))

    async def measured(turns: int) -> list[Row]:
        value = next(values, None)
        if value is None:
            raise KeyboardInterrupt
        return [replace(ROW, value=value)]

    def update(rows: list[Row], **where: object) -> None:
        written.append([row.value or 0 for row in rows])

    monkeypatch.setattr("tests.bench.run.SETS", {("G2",): measured})
    monkeypatch.setattr(page, "update", update)
    assert main(["--only", "G2", "--runs", "2", "--page"]) == 0
    assert written == [[0.2], [0.4]]
    assert "runs 0.200  0.600" in capsys.readouterr().out
    assert main(["--only", "G2", "--page"]) == 130
    assert len(written) == 2
