"""The results in docs/benchmarks.md: kept as `figures.json` beside this, and written between two marks of the page.

A run replaces the rows that it measured and leaves the others, each of which keeps its own date and machine.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.checkouts import ROOT
from tests.bench.table import Row, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIGURES: Final = Path(__file__).with_name("figures.json")
PAGE: Final = ROOT / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- Written by `nox -s bench -- --page` from tests/bench/figures.json. Do not edit. -->"
END: Final = "<!-- The end of what is written by the benchmark. -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """A row, and where it is from.

    Attributes:
        row: what was measured.
        date: the day, as ``2026-11-30``.
        machine: versions, processor, and the speed of a fixed piece of Python.
    """

    row: Row
    date: str
    machine: str


def read(file: Path = FIGURES) -> dict[str, Figure]:
    """The figures of each row that has been measured, by its id."""
    if not file.exists():
        return {}
    kept: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return {each["row"]["id"]: Figure(Row(**each["row"]), each["date"], each["machine"]) for each in kept}


def update(
    rows: Iterable[Row], *, date: str, machine: str, order: Sequence[str], file: Path = FIGURES, page: Path = PAGE
) -> None:
    """Keep new figures, and write the page.

    Args:
        rows: what was measured; what was measured before under the same names is replaced.
        date: the day.
        machine: where it was measured.
        order: the names of all sets' rows, in the order of the page; figures of others are dropped.
        file: where figures are kept.
        page: what is written.
    """
    measured = {
        row.id: Figure(replace(row, turns=[turn for turn in row.turns if not math.isnan(turn)]), date, machine)
        for row in rows
    }
    again = {_family(name) for name in measured}
    kept = {name: figure for name, figure in read(file).items() if _family(name) not in again}
    figures = {
        name: figure for family in order for name, figure in {**kept, **measured}.items() if _family(name) == family
    }
    file.write_text(json.dumps([dataclasses.asdict(figure) for figure in figures.values()], indent=1) + "\n", "utf-8")
    page.write_text(with_rows(page.read_text(encoding="utf-8"), figures, order), encoding="utf-8")


def with_rows(text: str, figures: dict[str, Figure], order: Sequence[str]) -> str:
    """The text of the page with these figures between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, "", *_lines(figures, order), "", END]) + after


def rows_of(text: str) -> list[str]:
    """The ids of the rows that a page shows, in order."""
    shown = text.partition(BEGIN)[2].partition(END)[0]
    return [line.split("|")[1].strip() for line in shown.splitlines() if line.startswith("| ")][2:]


def _lines(figures: dict[str, Figure], order: Sequence[str]) -> list[str]:
    machines = list(dict.fromkeys(figure.machine for figure in figures.values()))
    lines = ["| row | what | value | range | floor | goal | measured |", "|" + " --- |" * 7]
    for family in order:
        mine = [figure for name, figure in figures.items() if _family(name) == family]
        lines += [_line(figure, machines) for figure in mine] or [f"| {family} | not measured yet | | | | | |"]
    lines += [""]
    lines += [f"{index}. {machine}." for index, machine in enumerate(machines, 1)]
    lines += ["", *(f"- **{name}**: {figure.row.note}." for name, figure in figures.items() if figure.row.note)]
    return lines


def _line(figure: Figure, machines: list[str]) -> str:
    row = figure.row
    value = "not measured" if row.value is None else f"{number(row.value)} {row.unit}".strip()
    spread = row.runs or row.turns
    between = f"{number(min(spread))} to {number(max(spread))}" if len(spread) > 1 else ""
    goal = "" if row.goal is None else f"{number(row.goal)}{'' if row.goal_met else ' (missed)'}"
    floor = "" if row.floor is None else number(row.floor)
    where = f"{figure.date}, machine {machines.index(figure.machine) + 1}"
    return f"| {row.id} | {row.what} | {value} | {between} | {floor} | {goal} | {where} |"


def _family(name: str) -> str:
    return name.partition(".")[0]
