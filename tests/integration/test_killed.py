"""SIGKILL at a hundred moments of a call: nobody was rung without a record, and what was recorded is there."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from tests.child_output import without_slowness
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

COUNT = 100
#: The most audio that may be lost, of what both sides had handed to the recorder.
LOST_S = 1.0


@pytest.mark.fault("F32")
def test_a_call_that_is_killed_leaves_its_record_and_its_recording(tmp_path: Path) -> None:
    seed = int(os.environ.get("OFFHOOK_SEED") or secrets.randbelow(2**32))
    program = Path(__file__).with_name("killed_calls.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path, str(seed), str(COUNT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    again = f"OFFHOOK_SEED={seed} repeats it"
    assert (done.returncode, without_slowness(done.stderr)) == (0, ""), f"{done.stderr}\n{again}"
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(calls) == COUNT, again
    for left in calls:
        shown = f"{left}\n{again}"
        if left["rung"]:
            assert left["records"] == 1, f"rung without a record: {shown}"
            assert left["whole"], f"no recording: {shown}"
        if not left["records"]:
            continue
        if left["ended_at_s"] is None:
            assert left["interrupted"] == [left["call_id"]], shown
        else:
            assert left["interrupted"] == [], shown
        assert left["files"] == {"mix": str(tmp_path / left["folder"] / "mix.wav")}, shown
        assert left["differences"] == 0, shown
        assert left["frames"] * 0.02 - left["samples"] / 16_000 <= LOST_S, shown
    # The moments were spread over the whole of a call, or this has shown nothing.
    assert sum(left["rung"] and left["frames"] < 5 for left in calls) >= 10, again
    assert sum(not left["rung"] for left in calls) >= 5, again
    assert sum(left["frames"] > 60 for left in calls) >= 5, again
