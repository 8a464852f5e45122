"""The rows about other programs, without these: what is installed and how, what is sent, and what is understood."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bench.peers import canned_rows, install, throughput
from tests.bench.peers.install import PeerMissing
from tests.bench.peers.near_janus import offer_of, parameters_of
from tests.bench.peers.processes import free_port, running
from tests.bench.run import PEER_IDS

from offhook_wire.relay_protocol import Candidate, Dtls, Fingerprint, Ice, PeerParameters

if TYPE_CHECKING:
    from collections.abc import Generator

RUN = Path(__file__).with_name("run.py")


def test_other_programs_are_never_installed_without_being_asked_for() -> None:
    command = [sys.executable, str(RUN), "--only", PEER_IDS[0]]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "need --peers" in run.stderr


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without npm, apt and Janus."""
    monkeypatch.setattr(install, "FOLDER", tmp_path / "peers")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(file: Path, script: str) -> None:
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def test_what_cannot_be_installed_says_so_in_a_sentence(nothing_installed: Path) -> None:
    with pytest.raises(PeerMissing, match="a-package needs npm, which is not installed"):
        install.npm_command("a-package", "a-command")
    with pytest.raises(PeerMissing, match="type: apt-get install --no-install-recommends janus"):
        install.debian_command("janus", "janus")
    program(nothing_installed / "npm", "echo there is no network >&2; exit 1")
    with pytest.raises(PeerMissing, match="a-package cannot be installed: there is no network"):
        install.npm_command("a-package", "a-command")


def test_only_root_installs_a_package_of_the_system(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(nothing_installed / "apt-get", f"/bin/ln -s /bin/true {nothing_installed}/janus")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PeerMissing, match="as root, type"):
        install.debian_command("janus", "janus")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert install.debian_command("janus", "janus") == nothing_installed / "janus"
    program(nothing_installed / "apt-get", "")
    with pytest.raises(PeerMissing, match="the package other has no command other"):
        install.debian_command("other", "other")


def test_a_package_of_npm_is_installed_once(nothing_installed: Path) -> None:
    log = nothing_installed / "log"
    bin_folder = nothing_installed / "peers/npm/mock/node_modules/.bin"
    program(nothing_installed / "npm", f"echo $* >> {log}; /bin/mkdir -p {bin_folder}; : > {bin_folder}/mock")
    assert install.npm_command("a-mock", "mock") == bin_folder / "mock"
    assert install.npm_command("a-mock", "mock") == bin_folder / "mock"
    assert log.read_text(encoding="utf-8").count("install") == 1


def test_an_answer_is_complete_with_its_length_or_its_last_chunk() -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    assert not throughput.is_complete(head)
    assert not throughput.is_complete(head + b"Content-Length: 5\r\n\r\nabcd")
    assert throughput.is_complete(head + b"Content-Length: 5\r\n\r\nabcde")
    assert not throughput.is_complete(head + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert throughput.is_complete(head + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


@pytest.fixture
def server() -> Generator[tuple[int, list[bytes]]]:
    """A port, and the answers that are given there, the last one for ever; for an empty one the connection ends."""
    answers: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        left = [*answers]
        with connection, contextlib.suppress(ConnectionError):  # the client is gone
            while connection.recv(4096) and left[0]:
                connection.sendall(left[0])
                left = left[1:] or left

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1], answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_answers_are_counted_and_a_wrong_one_is_not(server: tuple[int, list[bytes]]) -> None:
    port, answers = server
    answers.append(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    assert throughput.per_second(port, b"GET / HTTP/1.1\r\n\r\n", 0.1) > 10
    answers.append(b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n")
    with pytest.raises(throughput.WrongAnswer, match="429"):
        throughput.per_second(port, b"GET / HTTP/1.1\r\n\r\n", 5)
    answers[:] = [b""]
    with pytest.raises(throughput.WrongAnswer, match="answered b''"):
        throughput.per_second(port, b"GET / HTTP/1.1\r\n\r\n", 5)


def test_a_server_that_ends_is_not_waited_for() -> None:
    with (
        pytest.raises(RuntimeError, match="did not listen at its port"),
        running([sys.executable, "-c", ""], free_port()),
    ):
        pass


def test_other_mocks_are_given_the_answer_of_a_start_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canned_rows, "npm_command", lambda package, command: Path("bin", command))
    assert "4010" in canned_rows.prism(tmp_path, 4010)
    document = json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8"))
    operation = document["paths"]["/facetime/start-call"]["post"]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    assert example["agora"]["uid"] == 0
    assert "4011" in canned_rows.mockoon(tmp_path, 4011)
    environment = json.loads((tmp_path / "mockoon.json").read_text(encoding="utf-8"))
    assert json.loads(environment["routes"][0]["responses"][0]["body"]) == example
    for request in (canned_rows.canned_request(4010), canned_rows.moto_request(4012)):
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head


def test_an_offer_says_what_the_peer_says_and_an_answer_is_understood() -> None:
    digest = ":".join(["AB"] * 32)
    local = PeerParameters(
        Ice("name", "p" * 22, (Candidate("192.0.2.7", 5000),)), Dtls((Fingerprint("sha-256", digest),))
    )
    offer = offer_of(local, 1234)
    assert "a=ssrc:1234 cname" in offer
    assert offer.endswith("a=end-of-candidates\r\n")
    assert parameters_of(offer) == local
