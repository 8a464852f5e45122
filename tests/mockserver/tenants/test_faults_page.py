"""The examples of docs/how-to/cause-faults.md, run as the page shows them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from offhook.testing import run_virtual
from offhook_mockserver.tenants.faults import FAULT_NAMES

PAGE = (Path(__file__).parents[3] / "docs/how-to/cause-faults.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_an_example_passes(block: str) -> None:
    names: dict[str, object] = {}
    exec(compile(block, "cause-faults.md", "exec"), names)  # noqa: S102 - the page's own code
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        run_virtual(test())


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_the_page_shows_each_fault(name: str) -> None:
    assert f"{name}(" in PAGE
