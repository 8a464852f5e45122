"""Every command with standard streams that are closed, full, cut off or small, and with hostile text."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook.plugin import Plugins

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = {
    "docs": (["docs", "hooks"], 0),
    "plugins": (["plugins"], 0),
    "plugins --json": (["plugins", "--json"], 0),
    "doctor": (["doctor"], 0),
    "records list": (["records", "list"], 0),
    "records show": (["records", "show", "call_1"], 0),
    "records show --json": (["records", "show", "call_1", "--json"], 0),
    "records export": (["records", "export", "--json"], 0),
    "records replay": (["records", "replay", "call_1"], 1),
    "conformance": (["conformance", "source", "silence:0.1", "--clause", "source-2"], 0),
    "call": (["call", "+14155550123"], 2),
    "call --json": (["call", "+14155550123", "--json"], 2),
    "usage": (["call"], 2),
    "help": (["--help"], 0),
}
ODD = {
    "stdout closed": ">&-",
    "stdout and stderr closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "stdout full": ">/dev/full",
    "both full": ">/dev/full 2>/dev/full",
    "stdout read only": "1</dev/null",
}
#: What a relay, a carrier, a client, a plugin or another program may have put where the commands find it.
HOSTILE = "\x1b]0;pwned\x07\x1b[31m\x9b2J\x7f\r\nFAKE LINE\u202e\u2028[/red][bold]x"


@pytest.fixture(autouse=True)
def stored(offhook_home: Path) -> None:
    """A stored call, all of whose texts are hostile."""
    store = Plugins.load().store("sqlite")
    record = {"number": HOSTILE, "disposition": HOSTILE, "problem": HOSTILE, "ended_by": HOSTILE, "rang": HOSTILE}
    times = {"dialed_at": HOSTILE, "answered_at_s": 1.0, "ended_at_s": 2.0}
    shown = {"files": {HOSTILE: HOSTILE}, "counters": {HOSTILE: HOSTILE}, "cause": HOSTILE}
    store.append("call_1", {"at_s": 0.0, "event": HOSTILE, "detail": HOSTILE})
    entry = {"at_s": 1.0, "changed": True, "call": HOSTILE, "leg": HOSTILE, "evidence": HOSTILE, "grade": HOSTILE}
    store.append("call_1", entry)
    store.save("call_1", {**record, **times, **shown})
    store.close()


def environment(**more: str) -> dict[str, str]:
    names = ("SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET", "SENDBLUE_API_BASE_URL", "OFFHOOK_FROM_NUMBER")
    return {**{name: value for name, value in os.environ.items() if name not in names}, **more}


def shell(command: list[str], redirection: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    script = f'"$@" {redirection}'
    words = ["sh", "-c", script, "sh", sys.executable, "-m", "offhook", *command]
    return subprocess.run(words, capture_output=True, text=True, env=environment(**more), timeout=60, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    ("name", "odd"),
    [
        *((name, odd) for name in COMMANDS for odd in ("stdout and stderr closed", "stdout full")),
        *(("records list", odd) for odd in ("stdout closed", "all closed", "both full", "stdout read only")),
    ],
)
def test_the_exit_code_does_not_depend_on_what_becomes_of_the_output(name: str, odd: str) -> None:
    command, code = COMMANDS[name]
    done = shell(command, ODD[odd])
    assert done.returncode == code, done.stderr
    for noise in ("Traceback", "ignored", "bug in offhook", "Errno"):
        assert noise not in done.stderr
    if odd == "stdout full" and code == 0:
        assert "standard output lacks a part of what was printed: No space left on device" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "name"), [("latin-1", "records list"), ("ascii", "docs"), ("utf-16", "records show")]
)
def test_a_small_character_set_escapes_and_nothing_else(name: str, encoding: str) -> None:
    command, code = COMMANDS[name]
    done = subprocess.run(
        [sys.executable, "-m", "offhook", *command],
        capture_output=True,
        env=environment(PYTHONIOENCODING=encoding),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, b"")
    assert done.stdout.decode(encoding)


@pytest.mark.slow
def test_a_pipe_that_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "docs", "hooks"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["plugins", "doctor", "records list", "records show", "records replay", "call", "help"]
)
def test_nothing_hostile_reaches_a_terminal(name: str, install: Callable[..., str], tmp_path: Path) -> None:
    code = """
        import logging, sys, warnings
        from offhook.plugin import hookimpl

        @hookimpl
        def offhook_audio_source(registry):
            registry.add("acme", lambda argument: None, summary={text!r}, needs=({text!r},), extra={text!r})
            print({text!r})
            sys.stderr.write({text!r})
            logging.getLogger("acme").warning({text!r})
            warnings.warn({text!r})

        @hookimpl
        def offhook_command(registry):
            def acme() -> None: ...
            acme.__doc__ = {text!r}
            registry.add("acme", acme, summary={text!r})

        @hookimpl
        def offhook_diagnosis(registry):
            from offhook.interfaces import Finding, Level
            finding = Finding(Level.NOTE, {text!r}, {text!r}, ({text!r},))
            registry.add("acme", lambda environment: [finding], summary="x")
    """
    install("acme", code.replace("{text!r}", repr(HOSTILE)))
    install("broken", f"raise ValueError({HOSTILE!r})")
    install("version", "", version="1\x1b[31m\u202e")
    (tmp_path / "\x1b[31m-1.dist-info").mkdir()
    words = [sys.executable, "-m", "offhook", "-vv", *COMMANDS[name][0]]
    if name.startswith("call"):
        words += ["--say", HOSTILE, "--from", HOSTILE]
    child, ours = pty.fork()
    if child == 0:
        os.execve(sys.executable, words, environment(PYTHONPATH=str(tmp_path), TERM="xterm", FORCE_COLOR="1"))
    printed = b""
    try:
        while piece := os.read(ours, 65_536):
            printed += piece
    except OSError:  # the terminal has no process any more
        pass
    finally:
        os.waitpid(child, 0)
        os.close(ours)
    text = printed.decode().replace("\r\n", "\n")  # the terminal's own line ends
    assert text.replace("\n", "").replace("\t", "").isprintable(), name
    assert "\\x1b]0;pwned\\x07" in text, "it was shown, escaped"
    assert "Traceback (most recent call last):\n  File" not in text
