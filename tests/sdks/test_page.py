"""The page about the SDKs: its examples are run, those in JavaScript too, with the command that the page shows."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.mockserver.testkit.test_pages import DOCS, examples, run, write
from tests.sdks.test_javascript import JS, node

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["node"]  # a fixture

pytest_plugins = ["pytester"]

PAGE = "use-sendblues-sdks.md"


def test_the_examples_in_python_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # Plugins that the tests of the SDK need, and that warn where they are not configured.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:asyncio -p no:schemathesis")
    found = examples(PAGE)
    write(pytester.path, found.files | found.runs)
    _, outcomes = run(pytester, sorted(found.runs))
    assert outcomes == {"passed": 4}


def test_the_example_in_javascript_passes(tmp_path: Path, node: str) -> None:
    write(tmp_path, examples(PAGE).files)
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    shown = "offhook mock exec -- node --test ring.test.mjs"
    assert f"$ {shown}\n" in (DOCS / PAGE).read_text(encoding="utf-8")
    _, *arguments = shown.split()
    command = [sys.executable, "-m", "offhook", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 1" in done.stdout
