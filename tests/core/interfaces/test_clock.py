"""The clock, and that nothing else of the core reads the time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import offhook
from offhook.interfaces.clock import SystemClock, iso_8601


def test_the_system_clock_returns_seconds() -> None:
    clock = SystemClock()
    before = clock.monotonic_s()
    assert abs(clock.wall_s() - time.time()) < 60
    assert clock.monotonic_s() >= before
    assert abs(clock.monotonic_s() - time.monotonic()) < 60


@pytest.mark.parametrize(
    ("wall_s", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_000_000.5, "2026-11-18T11:06:40.500Z"),
        (1_582_934_400, "2020-02-29T00:00:00.000Z"),
    ],
)
def test_wall_time_as_text(wall_s: float, text: str) -> None:
    assert iso_8601(wall_s) == text


def test_no_other_module_reads_the_time() -> None:
    root = Path(offhook.__file__).parent
    reading = re.compile(r"^\s*(?:import|from) (?:time|datetime)\b", re.MULTILINE)
    found = {path.name for path in root.rglob("*.py") if reading.search(path.read_text())}
    assert found == {"clock.py", "watchdog.py"}  # one watches real loops, whatever time they keep
