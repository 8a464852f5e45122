"""The start of the child process, and its end with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S
from tests.plugins.offhook_agora.child_process import Child
from tests.plugins.offhook_agora.sdk_stand_in import APP_ID, PACKAGE, libraries

from offhook.secret import Secret
from offhook_agora.child import boot
from offhook_agora.messages import (
    PROTOCOL,
    Alive,
    Join,
    Leave,
    Left,
    Ready,
    Stop,
    Unusable,
)
from offhook_agora.pipe import EVENT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.close()


def gone(pid: int, within_s: float) -> bool:
    """Whether the process ends within this time; a zombie has ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except OSError:
            return True
        if stat.rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal, and /proc")


def test_the_child_inherits_nothing_and_leaves_no_core(children: list[Child]) -> None:
    leak, other = os.pipe()
    os.set_inheritable(leak, True)
    child = Child(main="boot_mains", extra=(leak,))
    children.append(child)
    os.close(leak)
    os.close(other)
    child.socket.sendall(child.order)
    child.socket.sendall(b"end")
    found = json.loads(child.socket.makefile().readline())
    assert found["descriptors"] == [0, 1, 2]
    assert found["core"] == [0, 0]
    assert found["dumpable"] == 0
    assert found["interrupts"]
    assert found["isolated"] == 1
    assert set(found["environment"]) <= {"PATH", "LC_CTYPE"}  # Python coerces the C locale itself
    assert found["arguments"] == [boot.__file__, found["arguments"][1], str(os.getpid())]
    assert str(HERE) in found["path"]
    assert child.process.wait(PATIENCE_S) == 3


def test_a_child_whose_parent_is_another_process_ends_at_once(children: list[Child]) -> None:
    child = Child(parent=1 if os.getpid() != 1 else 2)
    children.append(child)
    assert child.process.wait(PATIENCE_S) == 1


@pytest.mark.parametrize("data", [b"", b"\x10\0", b"\xff\xff\xff\x7f", b"\x10\0\0\0{}"])
def test_a_parent_that_gives_no_order_ends_the_child(children: list[Child], data: bytes) -> None:
    child = Child()
    children.append(child)
    child.socket.sendall(data)
    child.socket.shutdown(socket.SHUT_WR)
    assert child.process.wait(PATIENCE_S) == 1


#: Starts a child, says its pid and what the child says, and waits to be killed.
PARENT = """
import socket, subprocess, sys, time
from offhook_agora.child import boot
ours, theirs = socket.socketpair()
child = subprocess.Popen(boot.command(theirs.fileno()), pass_fds=(theirs.fileno(),), start_new_session=True)
ours.sendall(boot.order(sys.path, "boot_mains"))
ours.sendall(sys.argv[1].encode())
print(ours.makefile().readline(), flush=True)
time.sleep(600)
"""


@linux
@pytest.mark.parametrize("how", ["sleep", "spin", "stopped"])
def test_a_parent_that_is_killed_leaves_no_child(how: str) -> None:
    path = os.pathsep.join([*sys.path, str(HERE)])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "sleep" if how == "stopped" else how],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
    )
    assert parent.stdout is not None
    try:
        pid = json.loads(parent.stdout.readline())["pid"]
        if how == "stopped":
            os.kill(pid, signal.SIGSTOP)
    finally:
        parent.kill()
        parent.wait(PATIENCE_S)
        parent.stdout.close()
    assert gone(pid, 2.0)


def started(children: list[Child], folder: Path, package: Path = PACKAGE) -> Child:
    child = Child()
    children.append(child)
    child.start(package, libraries(folder), "2.4.10")
    return child


def test_the_child_serves_the_engine_and_writes_nothing_else(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    assert child.until(Ready) == Ready(PROTOCOL, child.process.pid, "2.4.10")
    token = "007-token-of-the-test"
    child.say(Join(1, APP_ID, "c", Secret(token)), Leave(2))
    child.until(Left)
    process = Path(f"/proc/{child.process.pid}")
    if process.exists():
        shown = (process / "cmdline").read_bytes()
        if os.access(process / "environ", os.R_OK):
            shown += (process / "environ").read_bytes()
        assert token.encode() not in shown
    child.say(Stop())
    assert child.process.wait(PATIENCE_S) == 0
    assert child.output() == ""


def test_an_sdk_that_cannot_be_loaded_is_reported(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib", tmp_path)
    unusable = child.until(Unusable)
    assert unusable.code == "layer"
    child.socket.close()
    assert child.process.wait(PATIENCE_S) == 0


def test_the_end_of_the_connection_ends_the_child(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    child.until(Ready)
    child.socket.close()
    assert child.process.wait(PATIENCE_S) == 0


def test_damage_on_the_connection_ends_the_child(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    child.until(Ready)
    child.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert child.process.wait(PATIENCE_S) == 0


def test_a_parent_that_does_not_take_events_ends_the_child(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    child.until(Ready)
    for number in range(1, EVENT_WINDOW):
        child.say(Leave(number))
    while child.process.poll() is None:  # it gives credit for these, and receives none
        child.link.feed(child.socket.recv(65_536))
        if child.link.broken is None and not child.link.out:
            child.link.send(Leave(1))
            with contextlib.suppress(OSError):
                child.say()
    assert child.process.wait(PATIENCE_S) == 0
    assert child.output() == f"offhook: the other process left {EVENT_WINDOW} messages unread\n"


def test_a_child_that_was_stopped_goes_on(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    first = child.until(Alive)
    os.kill(child.process.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(child.process.pid, os.WUNTRACED)[1])
    os.kill(child.process.pid, signal.SIGCONT)
    while child.until(Alive).number < first.number + 2:  # it may have sent one before it was stopped
        pass


def test_an_interrupt_from_the_terminal_is_for_the_program(children: list[Child], tmp_path: Path) -> None:
    child = started(children, tmp_path / "lib")
    child.until(Ready)
    os.kill(child.process.pid, signal.SIGINT)
    os.kill(child.process.pid, signal.SIGHUP)
    child.say(Leave(3))
    child.until(Left)
