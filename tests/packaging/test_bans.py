"""Time, randomness and settings come from `offhook.interfaces` alone: ruff refuses every other way to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAYS = (
    "import time",
    "from time import monotonic",
    "import datetime",
    "import random",
    "from random import Random",
    "import secrets",
    "import uuid",
    "import os\n\nX = os.urandom(4)",
    "import os\n\nX = os.environ['A']",
    "import os\n\nX = os.getenv('A')",
)


def refused(text: str, path: str) -> bool:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=text + "\n", text=True, capture_output=True, cwd=ROOT, check=False)
    assert done.returncode in (0, 1), done.stderr
    return "TID251" in done.stdout


@pytest.mark.parametrize("path", ["core/offhook/new.py", "core/offhook_wire/new.py", "plugins/offhook_x/new.py"])
@pytest.mark.parametrize("text", WAYS)
def test_a_module_that_reads_time_randomness_or_settings_by_itself_is_refused(text: str, path: str) -> None:
    assert refused(text, path)


def test_the_two_modules_they_come_from_may() -> None:
    assert not refused("import random", "core/offhook/interfaces/ids.py")
    assert not refused("import time", "core/offhook/interfaces/clock.py")
    assert not refused("import math", "core/offhook/new.py")
