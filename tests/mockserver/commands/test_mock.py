"""`offhook mock` as a process: what it prints, how it stops, what it says when it cannot start."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S, cut_off

from offhook_mockserver.callees.numbers import NUMBERS
from offhook_mockserver.commands.settings import shell_word, store_setting
from offhook_mockserver.tenants.shown_keys import CONTROL_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

NEVER_ANSWERS = "+14155550102"
COMMAND = [sys.executable, "-m", "offhook", "mock"]


def begin(*arguments: str, pipe_bytes: int = -1) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "NO_COLOR": "1"}
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        pipesize=pipe_bytes,
    )


def start_calls(ready: dict[str, str], number: str, count: int = 1) -> list[str]:
    """Place calls over one connection; their channels."""
    connection = http.client.HTTPConnection("127.0.0.1", int(ready["port"]), timeout=PATIENCE_S)
    keys = {"sb-api-key-id": ready["api_key"], "sb-api-secret-key": ready["api_secret"]}
    body = json.dumps({"phoneNumber": number, "fromNumber": ready["from_number"]})
    channels: list[str] = []
    with contextlib.closing(connection):
        for _ in range(count):
            connection.request("POST", "/facetime/start-call", body, {"content-type": "application/json", **keys})
            channels.append(json.load(connection.getresponse())["agora"]["channelName"])
    return channels


def refused(*arguments: str) -> str:
    process = begin(*arguments)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_programs_get_one_json_line_then_a_line_an_event_and_a_clean_stop(stop: signal.Signals, tmp_path: Path) -> None:
    process = begin("--json", "--recordings", str(tmp_path / "new" / "folder"))
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    control = {"control_url", "control_file", "control_token"}
    assert set(ready) == {"url", "port", "pid", "api_key", "api_secret", "from_number", *control}
    assert ready["pid"] == process.pid
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
    (channel,) = start_calls(ready, "+14155550101")
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines[0].endswith(f"{channel} +1415•••0101 ringing\n")
    assert lines[1].endswith(f"{channel} +1415•••0101 answered\n")
    process.send_signal(stop)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert err == ""
    assert ready["api_secret"] not in out
    assert (tmp_path / "new" / "folder" / f"{channel}.callee.wav").stat().st_size >= 44


@pytest.mark.slow
def test_people_see_what_stopped_it() -> None:
    process = begin()
    assert process.stdout is not None
    exported = dict(re.findall(r"export (\w+)=(\S+)", "".join(process.stdout.readline() for _ in range(6))))
    ready = {
        "port": exported["SENDBLUE_API_BASE_URL"].rpartition(":")[2],
        "api_key": exported["SENDBLUE_API_API_KEY"],
        "api_secret": exported["SENDBLUE_API_API_SECRET"],
        "from_number": exported["OFFHOOK_FROM_NUMBER"],
    }
    start_calls(ready, NEVER_ANSWERS, 2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert cut_off(err) or (process.returncode, err) == (0, "offhook mock: stopped by SIGTERM, 2 calls ended\n")


@pytest.mark.slow
def test_an_unread_pipe_blocks_neither_calls_nor_the_stop() -> None:
    process = begin("--json", "--late-limit-ms=10000", pipe_bytes=4096)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        # Each makes a line of some 70 bytes, far more than the pipe holds.
        start_calls(ready, NEVER_ANSWERS, 300)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        _, err = process.communicate(timeout=PATIENCE_S)
        assert err == ""
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_closing_the_pipe_does_not_end_the_server() -> None:
    process = begin("--json")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        ready = json.loads(process.stdout.readline())
        process.stdout.close()
        for _ in range(2):
            start_calls(ready, NEVER_ANSWERS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.slow
def test_people_see_what_to_export_what_to_try_and_the_numbers() -> None:
    process = begin()
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "Calls:" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert cut_off(err) or (process.returncode, err) == (0, "offhook mock: stopped by SIGINT, 0 calls ended\n")
    text = "".join(lines)
    for name in ("SENDBLUE_API_BASE_URL", "SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET", "OFFHOOK_FROM_NUMBER"):
        assert f"export {name}=" in text
    assert "/mock.db\n" in text.partition("export OFFHOOK_STORE=sqlite:/")[2], "not among the real ones"
    assert "offhook call +14155550123" in text
    assert re.search(r"^Sendblue's API .*: http://\S+/mock/docs$", text, re.MULTILINE)
    assert re.search(r"^Control API .*: http://\S+/mock/v1\n  the token is in /", text, re.MULTILINE)
    assert CONTROL_TOKEN not in text
    for number, script in NUMBERS.items():
        assert f"{number}  {script.summary}" in text


@pytest.mark.parametrize("name", ["plain", "with a 'quote'", "caf\udce9", "a\x1b[31m", "back\\slash\udce9'"])
def test_the_printed_store_is_a_word_of_a_shell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_HOME", f"{tmp_path}/{name}")
    word = shell_word(store_setting())
    monkeypatch.undo()
    assert word.isprintable()
    shown = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert os.fsdecode(shown) == f"sqlite:{tmp_path}/{name}/mock.db"


def test_without_a_home_folder_the_mock_prints_a_store_that_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(uid: int) -> None:
        raise KeyError(uid)

    with monkeypatch.context() as patch:
        for variable in ("OFFHOOK_HOME", "HOME", "XDG_DATA_HOME"):
            patch.delenv(variable, raising=False)
        patch.setattr(pwd, "getpwuid", no_entry)
        assert store_setting() == "none"


@pytest.mark.slow
def test_a_failed_start_is_explained_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in refused("--port", str(port))
    (tmp_path / "file").write_text("")
    assert "Pass the host alone, without scheme" in refused("--webhook-host", "http://hooks.test/")
    message = refused("--recordings", str(tmp_path / "file"))
    assert "recordings" in message
    assert message.count("\n") == 1


SCRIPTS = """
[[callee]]
number = "+14155550190"
summary = "answers and hangs up"
steps = [
    {answer = {after_s = 0.1}},
    "hang_up",
]
"""


def test_the_numbers_are_printed_those_of_a_file_first(tmp_path: Path) -> None:
    (tmp_path / "callees.toml").write_text(SCRIPTS)
    process = begin("--scripts", str(tmp_path / "callees.toml"), "numbers", "--json")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert cut_off(err) or (process.returncode, err) == (0, "")
    first, *others = map(json.loads, out.splitlines())
    assert first == {
        "number": "+14155550190",
        "summary": "answers and hangs up",
        "steps": ["rings for 0.1 s", "answers", "hangs up"],
    }
    assert [row["number"] for row in others] == list(NUMBERS)


@pytest.mark.slow
def test_the_numbers_are_printed_for_people() -> None:
    process = begin("numbers")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert cut_off(err) or (process.returncode, err) == (0, "")
    lines = [f"{number}  {script.summary}" for number, script in NUMBERS.items()]
    assert out.splitlines() == [*lines, "any other     like +14155550123"]


@pytest.mark.slow
def test_callees_of_a_file_answer(tmp_path: Path) -> None:
    (tmp_path / "callees.toml").write_text(SCRIPTS)
    process = begin("--json", "--scripts", str(tmp_path / "callees.toml"))
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    (channel,) = start_calls(ready, "+14155550190")
    lines = [process.stdout.readline() for _ in range(3)]
    assert [line.partition("0190 ")[2] for line in lines] == ["ringing\n", "answered\n", "callee hung up\n"]
    assert all(channel in line for line in lines)
    process.terminate()
    process.communicate(timeout=PATIENCE_S)


def test_a_mistake_in_a_file_of_scripts_stops_the_mock_before_it_starts(tmp_path: Path) -> None:
    file = tmp_path / "callees.toml"
    file.write_text(SCRIPTS.replace("hang_up", "hangup"))
    said = " ".join(refused("--scripts", str(file)).split())
    assert f"unknown verb 'hangup'; did you mean hang_up? ({file}:7)" in said
