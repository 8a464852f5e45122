"""The table of the benchmark: verdicts, text for people, JSON for programs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from tests.bench.table import Row, as_json, as_text, exit_code, number

ROW = Row(id="G2", what="CPU per call", value=0.4, floor=1.05, goal=0.38, turns=(0.5, 0.4, 0.3), note="5 against 12 ms")


@pytest.mark.parametrize(
    ("value", "verdict", "below"),
    [
        (0.38, "goal met", False),
        (0.39, "floor kept, goal missed", False),
        (1.05, "floor kept, goal missed", False),
        (1.06, "WORSE THAN FLOOR", True),
        (None, "NOT MEASURED", True),
    ],
)
def test_a_value_is_judged_by_floor_and_goal(value: float | None, verdict: str, below: bool) -> None:
    row = replace(ROW, value=value)
    assert (row.verdict, row.below_floor, exit_code([ROW, row])) == (verdict, below, int(below))


def test_what_is_not_enforced_or_has_no_floor_does_not_fail_the_run() -> None:
    loose = replace(ROW, value=2.0, enforced=False)
    assert (loose.verdict, exit_code([loose])) == ("worse than floor (not enforced)", 0)
    assert exit_code([replace(ROW, value=2.0, floor=None)]) == 0
    assert replace(ROW, goal=None).verdict == "floor kept"
    assert replace(ROW, floor=None).verdict == "goal missed"
    assert replace(ROW, goal=None, floor=None).verdict == ""


def test_json_has_what_a_program_asks_for_and_no_number_for_what_was_not_measured() -> None:
    first, second = json.loads(as_json([ROW, replace(ROW, id="G8", value=None, turns=(), void=9, unit="ms")]))
    assert first == {
        "id": "G2",
        "what": "CPU per call",
        "value": 0.4,
        "unit": "ratio",
        "floor": 1.05,
        "goal": 0.38,
        "turns": [0.5, 0.4, 0.3],
        "runs": [],
        "void": 0,
        "enforced": True,
        "verdict": "floor kept, goal missed",
        "note": "5 against 12 ms",
    }
    assert (second["value"], second["unit"], second["void"], second["verdict"]) == (None, "ms", 9, "NOT MEASURED")
    with pytest.raises(ValueError):
        as_json([replace(ROW, value=math.nan)])


def test_the_table_shows_every_turn_every_void_one_and_what_is_not_enforced() -> None:
    text = as_text([ROW, replace(ROW, id="G14", enforced=False, void=2)])
    assert text.count("turns 0.500  0.400  0.300") == 2
    assert text.count("void and repeated") == 1
    assert "(2 void and repeated)" in text
    assert "exit code 1, but not in G14." in text
    assert all(len(line) <= 118 for line in text.splitlines() if "against" in line)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (-5.4, "-5.4"), (0.00322, "0.0032"), (0.634, "0.634"), (69.04, "69"), (142.84, "143")],
)
def test_numbers_have_the_digits_that_matter(value: float | None, text: str) -> None:
    assert number(value) == text
