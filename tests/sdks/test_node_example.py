"""The example in JavaScript, run as its user runs it, and the page that shows it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mockserver.testkit.test_pages import DOCS

EXAMPLE = Path(__file__).parents[2] / "examples/node"
TESTS = EXAMPLE / "voice-app.test.mjs"
STORY = "\n  story('"
PAGE = "control-from-another-language.md"
SHOWN = re.compile(r"<!-- examples/node/([\w.-]+) -->\n```js\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not on this machine")
    if not (EXAMPLE / "node_modules/ws").is_dir():
        pytest.skip("what the example needs is not installed: `nox -s sdks` does it")
    return found


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offhook", "mock", "exec", "--", "node", "--test", "--test-reporter=tap"]
    # The tests of the example set what its application reads.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def broken(folder: Path, file: str, good: str, bad: str) -> str:
    """What the tests print of an application with this fault; they must fail."""
    shutil.copytree(EXAMPLE.parent, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    (folder / "node/node_modules").symlink_to(EXAMPLE / "node_modules")
    code = (folder / "node" / file).read_text(encoding="utf-8")
    assert code.count(good) == 1
    (folder / "node" / file).write_text(code.replace(good, bad), encoding="utf-8")
    done = run_tests(folder / "node")
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("node")
def test_the_example_passes() -> None:
    stories = TESTS.read_text(encoding="utf-8").count(STORY)
    done = run_tests(EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"# pass {stories}\n" in done.stdout, done.stdout
    for none in ("fail", "cancelled", "skipped", "todo"):
        assert f"# {none} 0\n" in done.stdout, done.stdout
    assert done.stderr == ""


@pytest.mark.usefixtures("node")
def test_an_application_that_talks_on_fails_with_what_the_callee_waits_for(tmp_path: Path) -> None:
    printed = broken(tmp_path / "examples", "channel.mjs", "if (begins && this.#playing)", "if (false)")
    assert "not ok 2 - stops when it is spoken over" in printed
    assert "not_finished: finished: the call to +1415•••0123 is over: the caller hung up" in printed
    assert "it waited in: step 4: listens until the caller sends a tone of 880 Hz" in printed
    assert "the application printed:" in printed
    assert "voice-app.test.mjs:" in printed


@pytest.mark.usefixtures("node")
def test_an_application_that_dials_twice_fails_with_both_calls(tmp_path: Path) -> None:
    good = "throw error instanceof Refused ? error : new StartUnknown(error.message, { cause: error });"
    printed = broken(tmp_path / "examples", "sendblue.mjs", good, "return this.startCall(number);")
    assert "not ok 4 - does not dial twice when the answer is lost" in printed
    assert printed.count("the call to +14155550123 (ringing):") >= 2
    assert printed.count("a start-call meets the fault") >= 2


@pytest.mark.usefixtures("node")
def test_a_refused_stream_of_events_fails_the_test_that_reads_it(tmp_path: Path) -> None:
    printed = broken(tmp_path / "examples", TESTS.name, "of tenant.events())", "of tenant.events({ sinse: 1 }))")
    assert "malformed: 'sinse' is not a field" in printed, printed


def test_the_folder_can_be_copied_alone() -> None:
    greeting = (EXAMPLE / "greeting.wav").read_bytes()
    assert greeting == (EXAMPLE.parent / "greeting.wav").read_bytes()
    for file in EXAMPLE.glob("*.mjs"):
        assert "../" not in file.read_text(encoding="utf-8"), file.name


def test_the_page_shows_the_example() -> None:
    shown = SHOWN.findall((DOCS / PAGE).read_text(encoding="utf-8"))
    for name, code in shown:
        example = (EXAMPLE / name).read_text(encoding="utf-8")
        assert code == example if name == "mock.mjs" else code in example, name
    stories = [code for name, code in shown if name == TESTS.name]
    assert "mock.mjs" in dict(shown)
    assert (
        len(stories)
        == len(set(stories))
        == (EXAMPLE / "voice-app.test.mjs").read_text(encoding="utf-8").count("  story('")
    )
