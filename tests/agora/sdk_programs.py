"""Programs on Agora's SDK, run as their users run them: against a mock, over an SDK folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.integration.likeness import compare, load
from tests.patience import PATIENCE_S, busy

if TYPE_CHECKING:
    from tests.integration.conftest import Mock
    from tests.integration.likeness import Samples

HERE: Final = Path(__file__).parent
PROGRAMS: Final = HERE / "programs"
CLIPS: Final = HERE.parents[1] / "mockserver/offhook_mockserver/callees/clips"


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    out: str
    err: str

    def assert_well(self) -> None:
        """It ended by itself, and printed no traceback."""
        assert self.code == 0, (self.code, self.out, self.err)
        assert "Traceback" not in self.err, self.err


def start_call(mock: Mock, number: str) -> dict[str, Any]:
    """Start a call as curl would; returns the answer, which has the grant."""
    request = urllib.request.Request(
        f"{mock.ready['url']}/facetime/start-call",
        json.dumps({"phoneNumber": number, "fromNumber": mock.ready["from_number"]}).encode(),
        {
            "Content-Type": "application/json",
            "sb-api-key-id": mock.ready["api_key"],
            "sb-api-secret-key": mock.ready["api_secret"],
        },
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def environment(mock: Mock | None, folder: Path) -> dict[str, str]:
    """What the command prints to export, and nothing else of offhook's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OFFHOOK_", "SENDBLUE_", "PYTHON")) and name != "LD_LIBRARY_PATH"
    }
    relay = {"OFFHOOK_RELAY_URL": mock.ready["url"]} if mock is not None else {}
    return {**kept, **relay, "PYTHONPATH": str(folder), "OFFHOOK_AGORA_SDK": str(folder)}


def start(mock: Mock | None, folder: Path, program: str | Path, *arguments: object, **variables: str) -> Running:
    """Start a program of the folder `programs`, a path, or source text."""
    path = PROGRAMS / f"{program}.py" if isinstance(program, str) and "\n" not in program else program
    command = (
        [sys.executable, "-c", program] if path is program and isinstance(program, str) else [sys.executable, str(path)]
    )
    return Running(
        subprocess.Popen(
            [*command, *map(str, arguments)],
            env={**environment(mock, folder), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


class Running:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def end(self, grant: object = None) -> Ended:
        """Write the grant to it, and wait for its end."""
        try:
            out, err = self.process.communicate(json.dumps(grant), timeout=PATIENCE_S)
        finally:
            self.process.kill()
        assert "007eJ" not in out + err, "a token was printed"
        return Ended(self.process.returncode, out, err)


def run(
    mock: Mock | None, folder: Path, program: str | Path, *arguments: object, grant: object = None, **variables: str
) -> Ended:
    """Run a program to its end."""
    return start(mock, folder, program, *arguments, **variables).end(grant)


def assert_heard(recording: Samples, *clips: str) -> None:
    """A recording holds what a callee says; on a busy machine it may have said hello before the program has joined."""
    for clip in clips:
        if clip != "hello" or not busy():
            compare(load(CLIPS / f"{clip}.wav"), recording).assert_whole()
