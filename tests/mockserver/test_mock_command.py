"""`offhook mock` as a process: what it prints, how it stops, what it says when it cannot start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from offhook_mockserver.numbers_table import NUMBERS

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "offhook", "mock"]


def begin(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "NO_COLOR": "1"}
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def refused(*arguments: str) -> str:
    process = begin(*arguments)
    out, err = process.communicate(timeout=20)
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
    assert set(ready) == {"url", "port", "pid", "api_key", "api_secret", "from_number"}
    assert ready["pid"] == process.pid
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
    request = urllib.request.Request(
        f"{ready['url']}/facetime/start-call",
        json.dumps({"phoneNumber": "+14155550101", "fromNumber": ready["from_number"]}).encode(),
        {
            "content-type": "application/json",
            "sb-api-key-id": ready["api_key"],
            "sb-api-secret-key": ready["api_secret"],
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        channel = json.load(answer)["agora"]["channelName"]
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines[0].endswith(f"{channel} +1415•••0101 ringing\n")
    assert lines[1].endswith(f"{channel} +1415•••0101 answered\n")
    process.send_signal(stop)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert err == ""
    assert ready["api_secret"] not in out
    assert (tmp_path / "new" / "folder" / f"{channel}.callee.wav").stat().st_size >= 44


@pytest.mark.slow
def test_people_get_what_to_export_what_to_try_and_the_numbers() -> None:
    process = begin()
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "Calls:" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], process.communicate()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    text = "".join(lines)
    for name in ("SENDBLUE_API_BASE_URL", "SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET", "OFFHOOK_FROM_NUMBER"):
        assert f"export {name}=" in text
    assert "offhook call +14155550123" in text
    for number, script in NUMBERS.items():
        assert f"{number}  {script.summary}" in text


@pytest.mark.slow
def test_a_start_that_cannot_be_says_why_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in refused("--port", str(port))
    (tmp_path / "file").write_text("")
    message = refused("--recordings", str(tmp_path / "file"))
    assert "recordings" in message
    assert message.count("\n") == 1
