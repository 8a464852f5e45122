"""The rows of the benchmark's table, their verdicts, and how they are written: text for people, JSON for programs."""

from __future__ import annotations

import json
import math
import statistics
import textwrap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured quantity. Of every one, less is better.

    Attributes:
        id: its name, such as ``G1``; a row that belongs to another has a suffix, ``G6.p99``.
        what: what was measured.
        value: median of the turns, or of several runs; None when every turn was void.
        unit: empty for a ratio.
        floor: the value must not be worse; None where nothing is asked.
        goal: what a prototype has shown; None where nothing was shown.
        turns: the value of each turn, in order.
        runs: the value of each run, if there was more than one.
        note: absolute figures, and what is in them.
        void: turns that were void and repeated.
        enforced: whether a value worse than the floor makes the run fail.
    """

    id: str
    what: str
    value: float | None
    unit: str = ""
    floor: float | None = None
    goal: float | None = None
    turns: Sequence[float] = field(default=())
    runs: Sequence[float] = field(default=())
    note: str = ""
    void: int = 0
    enforced: bool = True

    @property
    def below_floor(self) -> bool:
        """Whether it is worse than its floor, or has one and could not be measured."""
        return self.floor is not None and (self.value is None or self.value > self.floor)

    @property
    def goal_met(self) -> bool:
        """Whether it has a goal and was measured to be as good."""
        return self.goal is not None and self.value is not None and self.value <= self.goal

    @property
    def verdict(self) -> str:
        """One or two words for the table."""
        if self.value is None:
            return "NOT MEASURED"
        if self.below_floor:
            return "WORSE THAN FLOOR" if self.enforced else "worse than floor (not enforced)"
        if self.goal is None:
            return "floor kept" if self.floor is not None else ""
        if self.goal_met:
            return "goal met"
        return "goal missed" if self.floor is None else "floor kept, goal missed"


def merged(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """One table of several runs: of each row the median of the runs that measured it, and the last note."""
    rows: dict[str, list[Row]] = {}
    for run in runs:
        for row in run:
            rows.setdefault(row.id, []).append(row)
    return [_of_runs(found) for found in rows.values()] if len(runs) > 1 else list(runs[0])


def _of_runs(found: Sequence[Row]) -> Row:
    measured = [row for row in found if row.value is not None]
    values = [row.value for row in measured if row.value is not None]
    return replace(
        measured[-1] if measured else found[-1],
        value=statistics.median(values) if values else None,
        turns=[turn for row in found for turn in row.turns],
        runs=values,
        void=sum(row.void for row in found),
    )


def exit_code(rows: Sequence[Row]) -> int:
    """1 when an enforced row is worse than its floor, else 0."""
    return int(any(row.below_floor and row.enforced for row in rows))


def as_json(rows: Sequence[Row]) -> str:
    """A list of objects, one for each row."""
    objects = [
        {
            "id": row.id,
            "what": row.what,
            "value": row.value,
            "unit": row.unit or "ratio",
            "floor": row.floor,
            "goal": row.goal,
            "turns": [None if math.isnan(turn) else turn for turn in row.turns],
            "runs": list(row.runs),
            "void": row.void,
            "enforced": row.enforced,
            "verdict": row.verdict,
            "note": row.note,
        }
        for row in rows
    ]
    return json.dumps(objects, indent=2, allow_nan=False) + "\n"


def as_text(rows: Sequence[Row]) -> str:
    """The table."""
    wide = max((len(row.id) for row in rows), default=2)
    indent = " " * (wide + 2)
    lines = [
        f"{'id':<{wide}}  {'value':>12}  {'floor':>7}  {'goal':>7}  what, and the verdict",
        "-" * _WIDTH,
    ]
    for row in rows:
        value = "-" if row.value is None else f"{number(row.value)} {row.unit}".strip()
        lines.append(
            f"{row.id:<{wide}}  {value:>12}  {number(row.floor):>7}  {number(row.goal):>7}  "
            f"{row.what}{f': {row.verdict}' if row.verdict else ''}"
        )
        turns = f"turns {'  '.join(map(number, row.turns)) or 'none'}"
        if row.runs:
            turns = f"runs {'  '.join(map(number, row.runs))}; {turns}"
        if row.void:
            turns += f"  ({row.void} void and repeated)"
        lines.append(indent + turns)
        lines.extend(textwrap.wrap(row.note, _WIDTH, initial_indent=indent, subsequent_indent=indent))
    lines.append("-" * _WIDTH)
    free = [row.id for row in rows if row.floor is not None and not row.enforced]
    lines.append("A ratio is offhook / bare aiortc unless its row says otherwise; less is better in every row.")
    if free:
        lines.append(f"A value worse than its floor makes the exit code 1, but not in {', '.join(free)}.")
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """As many digits as matter."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.4f}"
