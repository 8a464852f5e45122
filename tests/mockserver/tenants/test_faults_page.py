"""The examples of docs/how-to/cause-faults.md, run as the page shows them."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path

import pytest

from offhook.testing import run_virtual
from offhook_mockserver.tenants.faults import FAULT_NAMES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/cause-faults.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_passes(block: str) -> None:
    names: dict[str, object] = {}
    exec(compile(block, "cause-faults.md", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        run_virtual(test())


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_the_page_shows_each_fault(name: str) -> None:
    assert f"{name}(" in PAGE


def test_the_catalogue_names_faults_that_exist_and_every_row_that_a_fault_can_cause() -> None:
    caused_by: dict[str, str] = runpy.run_path(str(ROOT / "docs/fault_rows.py"))["CAUSED_BY"]
    wanted = [*range(1, 11), *range(13, 17), 18, *range(21, 26)]
    assert list(caused_by) == [f"F{row}" for row in wanted]
    for row, calls in caused_by.items():
        names = re.findall(r"(\w+)\(", calls)
        assert names, row
        assert set(names) <= set(FAULT_NAMES), row
