"""`offhook bench calls`, with few calls."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.test_demo import environment
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offhook", "bench", "calls", "--for", "1", *options]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


def test_for_a_program_every_call_is_checked_at_both_ends(tmp_path: Path) -> None:
    done = bench(tmp_path, "--first", "2", "--most", "2", "--json")
    told = json.loads(done.stdout)
    trial = told["trials"][0]
    assert (trial["calls"], trial["up"], trial["silent_s"], trial["problem"]) == (2, 2, 0, "")
    assert trial["measured"]["busy_percent"] > 0
    assert done.returncode == (0 if trial["good"] or told["carried"] else 1)
    assert list(tmp_path.iterdir()) == []


def test_for_people_it_begins_no_trial_after_its_time(tmp_path: Path) -> None:
    done = bench(tmp_path, "--first", "1", "--most", "4", "--within", "1")
    lines = done.stdout.splitlines()
    assert lines[1].startswith("calls")
    assert len([line for line in lines if line.lstrip()[:1].isdigit()]) == 1
