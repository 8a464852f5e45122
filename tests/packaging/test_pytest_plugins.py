"""A run of pytest that does not use offhook pays at most 15 ms for the plugins that offhook installs into it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
POINTS: Final[dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "entry-points"
]["pytest11"]
BUDGET_S: Final = 0.015
#: Prints what loading the plugins costs, in seconds of CPU, and what it imports that is neither pytest's nor theirs.
#: pytest also calls `pytest_addoption`, where the mock's plugin imports its other files.
LOAD: Final = f"""
import sys, time
from importlib import import_module

import pytest
from _pytest.config import get_config

config = get_config()
before, began_s = set(sys.modules), time.process_time()
for name in {sorted(POINTS.values())}:
    config.pluginmanager.register(import_module(name), name)
print(time.process_time() - began_s)
assert "offhook_mock_pytest.void" in sys.modules
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def test_both_plugins_are_installed() -> None:
    assert POINTS == {"offhook": "offhook_pytest", "offhook_mock": "offhook_mock_pytest"}


def test_a_run_that_does_not_use_them_pays_at_most_15_ms() -> None:
    measured_s: list[float] = []
    for _ in range(5):  # of CPU time, and again, because a busy machine makes that longer, too
        done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
        cost, imported = done.stdout.splitlines()
        assert set(imported.split()) == set(POINTS.values()), "the plugins import something else"
        measured_s.append(float(cost))
        if measured_s[-1] <= BUDGET_S:
            return
    raise AssertionError(f"loading the plugins took {min(measured_s) * 1000:.1f} ms of CPU at best")
