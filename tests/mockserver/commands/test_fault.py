"""`offhook mock fault`: how it finds the mock, what it asks, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.commands.test_mock import begin
from tests.patience import PATIENCE_S
from typer.testing import CliRunner

from offhook.errors import ConfigError
from offhook.interfaces import Environment
from offhook_mockserver.commands.fault import arguments_from, fault
from offhook_mockserver.commands.locator import FILE_VARIABLE, TOKEN_VARIABLE, find_mock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHOOK_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def ready(own_home: Path) -> Iterator[dict[str, str]]:
    process = begin("--json")
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def run(*words: str) -> str:
    result = CliRunner().invoke(fault, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.safety("S21")
def test_faults_are_added_listed_and_removed_in_the_mock_that_runs(ready: dict[str, str], own_home: Path) -> None:
    (file,) = (own_home / "mocks").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("list") == "no fault is active\n"
    assert run("add", "status", "--status", "503", "--times", "2", "--to", "+14155550101") == (
        "f1  status: requests are answered with 503, for +1415•••0101, at most 2 times; applied 0 times\n"
    )
    added = json.loads(run("add", "retry_after", "--value=7", "--json"))
    assert (added["id"], added["name"]) == ("f2", "retry_after")
    assert [each["id"] for each in json.loads(run("list", "--json"))["faults"]] == ["f1", "f2"]
    assert run("remove", "f1").startswith("f1  status")
    with pytest.raises(ConfigError, match="no active fault has the id 'f1'"):
        run("remove", "f1")
    assert run("clear", "--mock", ready["url"]).startswith("f2  retry_after")
    assert json.loads(run("list", "--json", "--tenant", ready["api_key"])) == {"faults": []}
    with pytest.raises(ConfigError, match="did you mean status"):
        run("add", "statu")
    run("add", "lost_answer")
    for odd in ("../faults", "", "?tenant=x", "f1/..", "\u0661"):
        with pytest.raises(ConfigError, match="is not the id of a fault"):
            run("remove", odd)
    assert [each["name"] for each in json.loads(run("list", "--json"))["faults"]] == ["lost_answer"]


def test_the_file_of_a_mock_is_gone_when_it_has_stopped(own_home: Path) -> None:
    process = begin("--json")
    assert process.stdout is not None
    process.stdout.readline()
    assert len(list((own_home / "mocks").iterdir())) == 1
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    assert list((own_home / "mocks").iterdir()) == []


def locate(folder: Path, name: str, **document: object) -> None:
    (folder / "mocks").mkdir(exist_ok=True)
    (folder / "mocks" / f"{name}.json").write_text(json.dumps(document))


def test_the_mock_is_found_among_none_one_and_several(own_home: Path) -> None:
    nothing = Environment({})
    with pytest.raises(ConfigError, match="no mock of yours runs on this machine: start one with `offhook mock`"):
        find_mock(None, nothing)
    locate(own_home, "dead", url="http://127.0.0.1:1", pid=2**22 + 1, control_token="t")
    locate(own_home, "broken", url="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="no mock of yours"):
        find_mock(None, nothing)
    assert not (own_home / "mocks" / "dead.json").exists(), "a mock that was killed left it"
    locate(own_home, "one", url="http://127.0.0.1:2", pid=os.getpid(), control_token="secret-two")
    found = find_mock(None, nothing)
    assert (found.url, found.token.reveal()) == ("http://127.0.0.1:2", "secret-two")
    locate(own_home, "two", url="http://127.0.0.1:3", pid=os.getpid(), control_token="secret-three")
    with pytest.raises(ConfigError, match=r"2 mocks run here: choose one with --mock URL, of http://127.0.0.1:2, http"):
        find_mock(None, nothing)
    assert find_mock("http://127.0.0.1:3/", nothing).token.reveal() == "secret-three"
    with pytest.raises(ConfigError, match=f"set {TOKEN_VARIABLE} to the control_token"):
        find_mock("http://127.0.0.1:9", nothing)
    given = find_mock("http://127.0.0.1:9", Environment({TOKEN_VARIABLE: "secret-nine"}))
    assert given.token.reveal() == "secret-nine"


def test_the_file_that_the_environment_names_comes_before_others(own_home: Path, tmp_path: Path) -> None:
    for name, port in (("one", 2), ("two", 3)):
        locate(own_home, name, url=f"http://127.0.0.1:{port}", pid=os.getpid(), control_token=f"secret-{name}")
    named = Environment({FILE_VARIABLE: str(own_home / "mocks" / "two.json")})
    assert find_mock(None, named).token.reveal() == "secret-two"
    assert find_mock("http://127.0.0.1:2", named).token.reveal() == "secret-one"
    locate(own_home, "dead", url="http://127.0.0.1:1", pid=2**22 + 1, control_token="t")
    os.mkfifo(tmp_path / "fifo")
    for path in (own_home / "mocks" / "dead.json", tmp_path / "nothing", tmp_path / "fifo", tmp_path):
        with pytest.raises(ConfigError, match=f"{FILE_VARIABLE} names .* is not the file of a mock that runs"):
            find_mock(None, Environment({FILE_VARIABLE: str(path)}))
    assert (own_home / "mocks" / "dead.json").exists(), "a file that a user names is left alone"


def test_a_mock_that_does_not_answer_is_named(own_home: Path) -> None:
    locate(own_home, "one", url="http://127.0.0.1:9", pid=os.getpid(), control_token="t")
    with pytest.raises(ConfigError, match=r"the mock at http://127.0.0.1:9 does not answer \(ConnectError\)"):
        run("list")


def test_options_become_arguments() -> None:
    assert arguments_from("status", ["--status=503", "--rings", "--times", "2"]) == {
        "status": 503,
        "rings": True,
        "times": 2,
    }
    assert arguments_from("kick", ["--reason", "5", "--after-s", "0.5"]) == {"reason": "5", "after_s": 0.5}
    assert arguments_from("media", ["--direction", "to_caller", "--loss", "much"]) == {
        "direction": "to_caller",
        "loss": "much",
    }
    assert arguments_from("nothing", ["--x", "1"]) == {"x": "1"}
    for words, problem in ((["status"], "'status' is not an option"), (["--times"], "--times needs a value")):
        with pytest.raises(ConfigError, match=problem):
            arguments_from("status", words)


def test_the_names_are_printed_with_their_options() -> None:
    printed = run("names")
    assert (
        "lost_answer [--times] [--to] [--path]\n    The connection is reset before the answer's first byte." in printed
    )
    assert "redirect --to-url [--status] [--times] [--to]" in printed


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 4000,
        b"[]",
        b"\xff",
        b'{"url": "http://127.0.0.1:1", "pid": 1e999, "control_token": "t"}',
        b'{"url": "http://127.0.0.1:1", "pid": 4294967296, "control_token": "t"}',
        b'{"url": "http://127.0.0.1:1", "pid": -1, "control_token": "t"}',
        b'{"url": 5, "pid": 1, "control_token": "t"}',
        b'{"url": "http://127.0.0.1:1", "pid": 1, "control_token": "\xc3\xa9"}',
    ],
)
def test_a_file_that_no_mock_wrote_is_passed_over(own_home: Path, content: bytes) -> None:
    (own_home / "mocks").mkdir()
    (own_home / "mocks" / "odd.json").write_bytes(content)
    os.mkfifo(own_home / "mocks" / "fifo.json")
    with pytest.raises(ConfigError, match="no mock of yours"):
        find_mock(None, Environment({}))


def test_a_token_that_cannot_be_one_is_refused_without_being_shown(own_home: Path) -> None:
    with pytest.raises(ConfigError, match=f"{TOKEN_VARIABLE} holds characters") as raised:
        find_mock("http://127.0.0.1:9", Environment({TOKEN_VARIABLE: "geheim\xe9"}))
    assert "geheim" not in str(raised.value)


class Stranger(http.server.BaseHTTPRequestHandler):
    """A server that is not a mock."""

    answer = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # the command reads no further
            for _ in range(1 if len(self.answer) < 100_000 else 100):
                self.wfile.write(self.answer)

    def log_message(self, *what: object) -> None:
        pass


@pytest.mark.parametrize(
    "answer",
    [b"[1]", b"null", b'"x"', b"{}", b'{"faults": null}', b'{"faults": [5]}', b"[" * 50_000, b" " * 1_000_000, b"\xff"],
    ids=repr,
)
def test_what_is_not_a_mock_is_named_and_read_no_further_than_needed(own_home: Path, answer: bytes) -> None:
    class Answers(Stranger):
        pass

    Answers.answer = answer
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        locate(own_home, "one", url=url, pid=os.getpid(), control_token="t")
        with pytest.raises(ConfigError, match=f"what answers at {url} is not a mock of this version"):
            run("list")
        thread.join()


def test_a_url_that_is_not_one_is_named(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "t")
    with pytest.raises(ConfigError, match=r"does not answer \(InvalidURL\)"):
        run("list", "--mock", "http://[::1")
