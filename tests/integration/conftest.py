"""A mock server in a process of its own, as a user starts it, and programs run against it as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.child_output import without_slowness
from tests.patience import PATIENCE_S

from offhook.records.home import HOME_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Done:
    """A program that has ended."""

    code: int
    out: str
    err: str


class Mock:
    """`offhook mock --json --recordings DIR` and the environment that leads to it."""

    def __init__(self, recordings: Path) -> None:
        self.recordings = recordings
        self._process = subprocess.Popen(
            [sys.executable, "-m", "offhook", "mock", "--json", "--recordings", str(recordings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.ready = json.loads(self._process.stdout.readline())
        self.pid = self._process.pid
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "SENDBLUE_"))},
            "SENDBLUE_API_BASE_URL": self.ready["url"],
            "SENDBLUE_API_API_KEY": self.ready["api_key"],
            "SENDBLUE_API_API_SECRET": self.ready["api_secret"],
            "OFFHOOK_FROM_NUMBER": self.ready["from_number"],
            "PYTHONSAFEPATH": "1",
        }

    def start(self, *arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
        """Start a Python program, in a process group of its own so that it can be sent ctrl-C."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**self.environment, HOME_VARIABLE: os.environ[HOME_VARIABLE], **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, cwd: Path, **environment: str) -> Done:
        """Run a Python program to its end."""
        process = self.start(*arguments, cwd=cwd, **environment)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert self.ready["api_secret"] not in out + err
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def offhook(self, *arguments: str, cwd: Path, **environment: str) -> Done:
        """Run `offhook`."""
        return self.run("-m", "offhook", *arguments, cwd=cwd, **environment)

    def close(self) -> Done:
        """Stop the server as ctrl-C does; its recordings are complete then."""
        self._process.send_signal(signal.SIGINT)
        out, err = self._process.communicate(timeout=PATIENCE_S)
        return Done(self._process.returncode, out, err)

    def finish(self) -> None:
        """Stop it if it runs, and see that it had nothing to complain about."""
        if self._process.poll() is None:
            done = self.close()
            assert done.code == 0, done.err
            assert without_slowness(done.err) == ""


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[Mock]:
    """A server of the test's own."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    server = Mock(recordings)
    yield server
    server.finish()


@pytest.fixture(scope="module")
def quiet_mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    """A server for all the tests of a module that never get as far as ringing anybody."""
    server = Mock(tmp_path_factory.mktemp("recordings"))
    yield server
    server.finish()
