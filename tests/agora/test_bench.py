"""The rows of the benchmark that need Agora's SDK can be measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "bench/run.py"


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.usefixtures("sdk_folder")
@pytest.mark.timeout(300)
def test_the_time_from_dialling_to_the_channel_is_measured_and_written(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    run = subprocess.run(
        [sys.executable, str(RUN), "--only", "A4", "--turns", "1", "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    cold, warm = json.loads(file.read_text(encoding="utf-8"))
    assert (cold["id"], warm["id"]) == ("A4", "A4.warm")
    assert cold["value"] > warm["value"] > 0
