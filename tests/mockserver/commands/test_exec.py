"""`offhook mock exec`: a command with a mock, as a process: its settings, its signals, its exit code."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S, cut_off

if TYPE_CHECKING:
    from pathlib import Path

MOCK = [sys.executable, "-m", "offhook", "mock"]
#: Tells that it runs, and ends with 7 when a signal arrives.
WAITS = """
import os, signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: (os.write(1, f"got {number}\\n".encode()), os._exit(7)))
os.write(1, b"runs\\n")
while True:
    signal.pause()
"""


def execute(*command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MOCK, *options, "exec", "--", *command], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.slow
def test_the_command_can_place_a_call(tmp_path: Path) -> None:
    program = """
        import asyncio, os
        from offhook import Phone

        async def main():
            async with Phone.from_env() as phone:
                async with phone.dial("+14155550106") as call:
                    assert await call.answered()
            print(call.record.disposition.value, os.environ["OFFHOOK_STORE"].rpartition("/")[2])

        asyncio.run(main())
    """
    done = execute(sys.executable, "-c", textwrap.dedent(program), options=("--recordings", str(tmp_path / "heard")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "completed mock.db\n", "")
    assert len(list((tmp_path / "heard").glob("*.callee.wav"))) == 1


@pytest.mark.slow
def test_the_command_finds_the_control_api(tmp_path: Path) -> None:
    program = """
        import json, os, pathlib, urllib.request

        located = json.loads(pathlib.Path(os.environ["OFFHOOK_MOCK_FILE"]).read_text())
        request = urllib.request.Request(
            located["control_url"] + "/tenants/default",
            headers={"authorization": "Bearer " + located["control_token"]},
        )
        tenant = json.load(urllib.request.urlopen(request))
        assert tenant["api_key"] == os.environ["SENDBLUE_API_API_KEY"]
        assert located["control_token"] not in str(os.environ)
        print(located["control_url"] == os.environ["SENDBLUE_API_BASE_URL"] + "/mock/v1", sorted(located))
    """
    done = execute(sys.executable, "-c", textwrap.dedent(program))
    names = ["control_token", "control_url", "pid", "url", "version"]
    assert (done.returncode, done.stdout, done.stderr) == (0, f"True {names}\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("sh", "-c", "echo out; echo err >&2; exit 42"), 42, "err\n"),
        (("sh", "-c", "kill -KILL $$"), 137, ""),
        (("sh", "-c", "test -t 0 || cat; echo $0 $1", "-x", "--", "y"), 0, ""),
        (("no-such-command\x1b",), 127, "offhook: the command 'no-such-command\\x1b' was not found\n"),
        (("/",), 126, "offhook: the command '/' cannot be run: Permission denied\n"),
    ],
)
def test_it_ends_with_the_exit_code_of_the_command(command: tuple[str, ...], code: int, said: str) -> None:
    done = execute(*command)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.slow
def test_a_script_without_an_interpreter_cannot_be_run(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("exit 0\n")
    script.chmod(0o700)
    done = execute(str(script))
    assert (done.returncode, done.stdout) == (126, "")
    assert "Exec format error" in done.stderr


@pytest.mark.slow
def test_when_the_mock_fails_nothing_is_run_and_the_code_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = [
            ("--port", str(taken.getsockname()[1])),
            ("--recordings", str(tmp_path / "file")),
            ("--env-file", str(tmp_path / "file")),
        ]
        for option in options:
            done = execute("echo", "it runs", options=option)
            assert (done.returncode, done.stdout) == (125, "")
            assert done.stderr.startswith("offhook: ")
            assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["exec"], ["exec", "--bogus", "true"], ["--json", "exec", "true"], ["bogus"]])
def test_bad_usage_runs_nothing(arguments: list[str]) -> None:
    done = subprocess.run([*MOCK, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(number: signal.Signals, tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    process = subprocess.Popen(
        [*MOCK, "--env-file", str(settings), "exec", sys.executable, "-c", WAITS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # without a terminal, wherever the tests run
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "runs\n"
        assert settings.exists()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert cut_off(err) or (process.returncode, out, err) == (7, f"got {int(number)}\n", "")
    assert not settings.exists()


@pytest.mark.slow
def test_the_command_keeps_the_terminal_and_ctrl_c_reaches_it_once() -> None:
    program = """
        import os, signal, sys
        seen = []
        signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
        os.write(1, f"terminal {sys.stdin.isatty()}, foreground {os.tcgetpgrp(0) == os.getpgrp()}\\n".encode())
        while not seen:
            signal.pause()
        signal.sigtimedwait([signal.SIGUSR2], 0.5)  # a second one would come now
        os.write(1, f"seen {len(seen)}\\n".encode())
    """
    child, ours = pty.fork()
    if child == 0:
        os.execv(sys.executable, [*MOCK, "exec", sys.executable, "-c", textwrap.dedent(program)])
    printed = b""
    try:
        while b"foreground" not in printed or not printed.endswith(b"\n"):
            printed += os.read(ours, 1000)
        os.write(ours, b"\x03")
        while True:
            try:
                printed += os.read(ours, 1000)
            except OSError:  # the terminal has no process any more
                break
    finally:
        _, status = os.waitpid(child, 0)
        os.close(ours)
    assert b"terminal True, foreground True" in printed
    assert b"seen 1" in printed
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.slow
def test_serving_and_its_options_are_as_before(tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    process = subprocess.Popen(
        [*MOCK, "--json", "--env-file", str(settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert f"SENDBLUE_API_BASE_URL={ready['url']}\n" in settings.read_text()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert cut_off(err) or (process.returncode, out, err) == (0, "", "")
    assert not settings.exists()
