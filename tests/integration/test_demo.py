"""`offhook demo`, as a new user runs it: with a terminal, without one, and for a program."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.child_output import without_slowness
from tests.integration.likeness import compare, load
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow

SPEECH = Path(__file__).parents[2] / "mockserver/offhook_mockserver/callees/clips"
LEFT = {"caller-heard.wav", "callee-heard.wav", "mix.wav", "record.json", "journal.jsonl"}


def environment(**more: str) -> dict[str, str]:
    """Nothing set that offhook reads: the demo needs no settings."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OFFHOOK_", "SENDBLUE_", "NO_COLOR"))
    }
    return {**kept, "PYTHONSAFEPATH": "1", **more}


def test_for_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "demo", "--json", "--out", "o"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert without_slowness(done.stderr) == ""
    document = json.loads(done.stdout)
    assert (document["disposition"], document["ended_by"], document["cause"]) == ("completed", "caller", 16)
    assert {path.name for path in (tmp_path / "o").iterdir()} == LEFT
    assert set(document["files"].values()) == {"caller-heard.wav", "callee-heard.wav", "mix.wav"}
    assert document["counters"]["frames_sent"] > 400
    assert document["counters"]["frames_received"] > 100
    for name, speech in (("callee-heard.wav", "greeting.wav"), ("caller-heard.wav", "reply.wav")):
        likeness = compare(load(SPEECH / speech), load(tmp_path / "o" / name))
        likeness.assert_whole(0.95)
    record = json.loads((tmp_path / "o/record.json").read_text())
    assert record == {key: value for key, value in document.items() if key != "error"}


def test_with_a_terminal_it_is_live_and_ctrl_c_hangs_up(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "demo"],
        cwd=tmp_path,
        env=environment(TERM="xterm-256color", COLUMNS="120", LINES="40"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: _take_terminal(slave),
    )
    os.close(slave)
    screen = b""
    while b"dBFS" not in screen:  # somebody speaks, and a meter shows it
        screen += os.read(master, 4096)
    os.write(master, b"\x03")  # ctrl-C, as a terminal sends it to everybody in the foreground
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        screen += part
    os.close(master)
    text = screen.decode()
    assert process.wait(timeout=PATIENCE_S) == 130, text
    assert "RINGING" in text
    assert "\x1b[" in text
    assert "completed: ended by caller" in text
    assert "Traceback" not in text
    assert {path.name for path in (tmp_path / "offhook-demo").iterdir()} == LEFT
    for name in LEFT:
        if name.endswith(".wav"):
            load(tmp_path / "offhook-demo" / name)


def _take_terminal(descriptor: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def test_without_a_terminal_it_prints_plain_lines_and_the_next_folder_is_new(tmp_path: Path) -> None:
    (tmp_path / "offhook-demo").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "demo"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert "\x1b" not in done.stdout
    # The callee's audio may arrive before the message that it publishes.
    assert re.search(r"^.*ACTIVE +the callee('s first audio was heard| published audio) \(", done.stdout, re.MULTILINE)
    assert "in offhook-demo-2/:" in done.stdout
    assert {path.name for path in (tmp_path / "offhook-demo-2").iterdir()} == LEFT


def test_an_output_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "demo", "--json", "--out", "."],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert "not empty" in json.loads(done.stdout)["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
