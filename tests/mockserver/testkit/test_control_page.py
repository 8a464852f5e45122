"""The page about the control API from another language: its shell script is run, and its table of questions is asked.

Its examples in JavaScript are those of `examples/node`: see `tests/sdks/test_node_example.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.mockserver.faces.control.control_client import ControlClient, T, call, controlled
from tests.mockserver.testkit.test_pages import DOCS, examples

from offhook_mockserver.faces.control.refusals import CODES
from offhook_mockserver.server import TenantSettings, control_openapi

if TYPE_CHECKING:
    from pathlib import Path

    from offhook_mockserver.server import InProcessMock

PAGE = "control-from-another-language.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
SCRIPT = "declined.sh"
QUESTION = re.compile(r'^\| `(\{"question": .*?\})` \| ', re.MULTILINE)
REFUSAL = re.compile(r"^\| (\d{3}) (`.*?`) \| ", re.MULTILINE)
PATHS: Any = control_openapi()["paths"]
PATH = re.compile(r"`(GET|PUT|POST|DELETE) \.\.\.(/[^`]*)`")


def offhook(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "SENDBLUE_"))}
    command = [sys.executable, "-m", "offhook", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_script_prints_what_the_page_shows(tmp_path: Path) -> None:
    found = examples(PAGE)
    (tmp_path / SCRIPT).write_text(found.files[SCRIPT], encoding="utf-8")
    shown = f"offhook mock exec -- sh {SCRIPT}"
    assert f"$ {shown}\n" in TEXT
    done = offhook(tmp_path, *shown.split()[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.splitlines()
    assert len(printed) == len(found.prints[SCRIPT])
    for line, expected in zip(printed, found.prints[SCRIPT], strict=True):
        assert re.fullmatch(".*".join(map(re.escape, expected.split("…"))), line), line


@pytest.mark.slow
def test_the_document_is_where_the_page_says(tmp_path: Path) -> None:
    (command,) = re.findall(r"^\$ offhook (mock exec -- sh -c) '(.*openapi\.json.*)'$", TEXT, re.MULTILINE)
    done = offhook(tmp_path, *command[0].split(), command[1])
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "control.json").read_text(encoding="utf-8"))["paths"] == PATHS


def test_every_question_of_the_table_is_understood_and_none_is_missing() -> None:
    questions = [json.loads(body) for body in QUESTION.findall(TEXT)]

    async def test(mock: InProcessMock, client: ControlClient) -> None:
        channel = await call(mock, "+14155550101", say="tone:880,2", for_s=6)
        for question in questions:
            await client.ok("POST", f"{T}/calls/{channel}/ask", question)

    controlled(test, settings=TenantSettings(keep_audio_s=60))
    operation = PATHS["/mock/v1/tenants/{tenant}/calls/{channel}/ask"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert sorted(question["question"] for question in questions) == sorted(schema["properties"]["question"]["enum"])


def test_the_refusals_and_the_paths_of_the_page_exist() -> None:
    rows = REFUSAL.findall(TEXT)
    assert rows
    for status, codes in rows:
        for code in re.findall(r"`(\w+)`", codes):
            assert CODES[code].status == int(status), code
    found = PATH.findall(TEXT)
    assert len(found) > 10
    for method, path in found:
        assert method.lower() in PATHS[f"/mock/v1/tenants/{{tenant}}{path}"], f"{method} {path}"
