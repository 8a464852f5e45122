"""Bad input and bad luck at the command line: one clear sentence, the right exit code, nothing left, no secret."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import wave
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import Done, Mock

pytestmark = pytest.mark.slow

ANSWERS = "+14155550123"


def free_url() -> str:
    """A loopback URL where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def sentence(done: Done) -> str:
    """The one line on standard error."""
    lines = done.err.splitlines()
    assert len(lines) == 1, done.err
    return lines[0]


@contextmanager
def carrier(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if status == 302:
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


GRANT = {
    "appId": "a1b2c3d4e5f6789012345678abcdef90",
    "channelName": "ft_call_9f8e7d6c5b4a3210",
    "token": "007x",
    "uid": 0,
}


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (200, b"<html><body>It works!</body></html>", 1, "JSON"),
        (302, b"", 1, "302"),
        (401, b'{"status":"ERROR","message":"bad keys"}', 4, "SENDBLUE_API_API_KEY"),
        (429, b'{"status":"ERROR","message":"slow down"}', 4, "429"),
        (500, b'{"status":"ERROR","message":"boom"}', 1, "500"),
        (200, b'{"status":"ERROR","message":"This number is blocked"}', 4, "This number is blocked"),
        (200, json.dumps({"status": "OK", "message": "Call started"}).encode(), 1, "agora"),
        (200, json.dumps({"status": "OK", "agora": {**GRANT, "token": ""}}).encode(), 1, "agora.token"),
        (200, json.dumps({"status": "OK", "agora": {**GRANT, "uid": "0"}}).encode(), 1, "agora.uid"),
    ],
)
def test_a_carrier_that_answers_badly(
    quiet_mock: Mock, tmp_path: Path, status: int, body: bytes, code: int, says: str
) -> None:
    with carrier(status, body) as url:
        done = quiet_mock.offhook(
            "call",
            ANSWERS,
            "--json",
            "--out",
            "o",
            cwd=tmp_path,
            SENDBLUE_API_BASE_URL=url,
            OFFHOOK_RELAY_URL=quiet_mock.ready["url"],
        )
    assert done.code == code, done.err
    assert says in sentence(done)
    assert json.loads(done.out)["disposition"] == "failed"


@pytest.mark.parametrize(
    ("environment", "code", "says"),
    [
        ({"SENDBLUE_API_API_SECRET": "wrong-secret"}, 4, "SENDBLUE_API_API_SECRET"),
        ({"SENDBLUE_API_API_KEY": ""}, 2, "SENDBLUE_API_API_KEY"),
        ({"OFFHOOK_FROM_NUMBER": ""}, 2, "OFFHOOK_FROM_NUMBER"),
        ({"OFFHOOK_FROM_NUMBER": "+18885550000"}, 4, "fromNumber"),
        ({"OFFHOOK_FROM_NUMBER": ANSWERS}, 2, "itself"),
        ({"SENDBLUE_API_BASE_URL": "http://api.sendblue.co"}, 2, "https"),
        ({"OFFHOOK_TRANSPORT": "agora", "OFFHOOK_AGORA_SDK": "/no/such/folder"}, 2, "is not a folder; type: offhook"),
        ({"SENDBLUE_API_BASE_URL": "", "OFFHOOK_RELAY_URL": "the mock"}, 2, "Sendblue would ring a person"),
        ({"OFFHOOK_RELAY_URL": "https://relay.example"}, 2, "and not at https://relay.example"),
        ({"SENDBLUE_API_BASE_URL": free_url(), "OFFHOOK_RELAY_URL": "the mock"}, 1, "offhook mock"),
        ({"OFFHOOK_RELAY_URL": free_url()}, 1, "nothing is listening"),
        ({"OFFHOOK_TRANSPORT": "carrier-pigeon"}, 2, "carrier-pigeon"),
    ],
)
def test_settings_that_are_wrong(
    quiet_mock: Mock, tmp_path: Path, environment: dict[str, str], code: int, says: str
) -> None:
    if environment.get("OFFHOOK_RELAY_URL") == "the mock":
        environment = {**environment, "OFFHOOK_RELAY_URL": quiet_mock.ready["url"]}
    done = quiet_mock.offhook("call", ANSWERS, "--out", "o", cwd=tmp_path, **environment)
    assert done.code == code, done.err
    assert says in sentence(done)
    if (
        code == 2 and says != "itself"
    ) or "listening" in says:  # a number called from itself is the carrier's to refuse
        assert not (tmp_path / "o").exists()
        assert list(quiet_mock.recordings.iterdir()) == []


@pytest.mark.parametrize(
    "number",
    ["4155550123", "+1 415 555 0123", "+14155550123\n", "+1415555012٣", "+12345", "+1234567890123456", "911", "+44999"],
)
def test_numbers_that_are_not_dialled(quiet_mock: Mock, tmp_path: Path, number: str) -> None:
    done = quiet_mock.offhook("call", number, cwd=tmp_path)
    assert done.code == 2, done.err
    assert "E.164" in sentence(done) or "emergency" in sentence(done)


@pytest.mark.parametrize("name", ["missing.wav", "empty.wav", "truncated.wav", "text.wav", "folder"])
def test_files_that_cannot_be_played(quiet_mock: Mock, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is not audio, whatever its name says")
    (tmp_path / "folder").mkdir()
    with wave.open(str(tmp_path / "whole.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    (tmp_path / "truncated.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:9_000])
    done = quiet_mock.offhook("call", ANSWERS, "--say", f"wav:{name}", "--out", "o", cwd=tmp_path)
    assert done.code == 2, done.err
    assert name in sentence(done)
    assert not (tmp_path / "o").exists()
    assert list(quiet_mock.recordings.iterdir()) == []


def test_outputs_that_cannot_be_written(quiet_mock: Mock, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/notes.txt").write_text("mine")
    (tmp_path / "there.wav").write_text("mine")
    for arguments in (
        ("--out", "taken"),
        ("--listen", "recorder:there.wav"),
        ("--listen", "recorder:there.wav/folder/heard.wav"),
        ("--out", "there.wav"),
    ):
        done = quiet_mock.offhook("call", ANSWERS, *arguments, cwd=tmp_path)
        assert done.code == 2, done.err
        assert arguments[1].removeprefix("recorder:").split("/")[0] in sentence(done)
    assert (tmp_path / "there.wav").read_text() == "mine"
    assert list(quiet_mock.recordings.iterdir()) == []


@pytest.mark.fault("F31")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_mid_sentence_hangs_up_and_leaves_valid_recordings(
    mock: Mock, tmp_path: Path, stop: signal.Signals
) -> None:
    process = mock.start(
        "-m", "offhook", "call", ANSWERS, "--say", "tone:440", "--out", "o", cwd=tmp_path, NO_COLOR="1"
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "ACTIVE" in line:
            break
    else:
        pytest.fail(process.communicate()[1])
    time.sleep(0.5)  # real time is what this is about: let some of the tone through
    os.kill(process.pid, stop)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + stop, err
    assert "completed: ended by caller" in out
    assert err == ""
    for name in ("caller-heard.wav", "mix.wav"):
        with wave.open(str(tmp_path / "o" / name)) as file:
            assert file.getnframes() > 0
    assert json.loads((tmp_path / "o/record.json").read_text())["ended_by"] == "caller"
    mock.close()
    (heard,) = mock.recordings.glob("*.callee.wav")
    with wave.open(str(heard)) as file:
        assert file.getnframes() >= 0.3 * file.getframerate()
