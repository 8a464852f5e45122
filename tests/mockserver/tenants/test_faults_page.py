"""The catalogue of faults names faults of the mock that exist, for every row that one can cause."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from offhook_mockserver.tenants.faults import FAULT_NAMES

ROOT = Path(__file__).parents[3]


def test_the_catalogue_names_faults_that_exist_and_every_row_that_a_fault_can_cause() -> None:
    caused_by: dict[str, str] = runpy.run_path(str(ROOT / "docs/fault_rows.py"))["CAUSED_BY"]
    wanted = [*range(1, 11), *range(13, 17), 18, *range(21, 26)]
    assert list(caused_by) == [f"F{row}" for row in wanted]
    for row, calls in caused_by.items():
        names = re.findall(r"(\w+)\(", calls)
        assert names, row
        assert set(names) <= set(FAULT_NAMES), row
