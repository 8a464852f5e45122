"""Signals while modules are imported, and after the work is done: no traceback, and the right exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from offhook.cli import application, root
from offhook.cli.early import CODES, EarlySignals, end_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.core import TyperGroup

    from offhook.plugin import Plugins

#: Stops at the first import of each module in turn, as slowly as a loaded machine does, until a signal arrives.
STOPS_AT = """
import os, sys, signal

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.write(1, b"here")
            signal.pause()

sys.meta_path.insert(0, Slow())
sys.argv = ["offhook", *{arguments!r}]
from offhook.cli import main
main()
"""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restores the handlers."""
    before = {number: signal.getsignal(number) for number in CODES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes with which the process would have ended."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def test_a_signal_ends_the_process_with_its_code(exits: list[int]) -> None:
    with EarlySignals():
        for number in CODES:
            os.kill(os.getpid(), number)
    assert exits == [130, 143, 129]


def test_the_handlers_are_restored_and_ignored_signals_stay_ignored(exits: list[int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    before = {number: signal.getsignal(number) for number in CODES}
    with EarlySignals():
        os.kill(os.getpid(), signal.SIGHUP)
    assert exits == []
    assert {number: signal.getsignal(number) for number in CODES} == before


def test_it_lasts_until_the_commands_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins' commands are built from their own code, which can be slow, and can print."""
    before = {number: signal.getsignal(number) for number in CODES}
    inside: list[object] = []

    def build(plugins: Plugins) -> TyperGroup:
        inside.extend(signal.getsignal(number) for number in CODES if signal.getsignal(number) != before[number])
        return real(plugins)

    real = application.build
    monkeypatch.setattr(application, "build", build)
    assert root.run(["--version"]) == 0
    assert len(inside) == len(CODES)
    assert {number: signal.getsignal(number) for number in CODES} == before


def test_another_thread_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside: list[object] = []

    def work() -> None:
        with EarlySignals():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert inside == [before]


def test_after_the_work_a_signal_does_not_change_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_with(3)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    assert codes == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "name", "number"),
    [
        (("docs",), "offhook.cli.streams", signal.SIGINT),
        (("docs",), "typer", signal.SIGTERM),
        (("docs",), "offhook_sendblue", signal.SIGINT),
        (("mock",), "offhook_mockserver.commands.serving", signal.SIGINT),
        (("mock", "exec", "true"), "offhook_mockserver.commands.executing", signal.SIGHUP),
        (("call", "+14155550123"), "offhook.call.phone", signal.SIGINT),
    ],
)
def test_while_modules_are_imported_there_is_no_traceback(
    arguments: tuple[str, ...], name: str, number: signal.Signals
) -> None:
    program = STOPS_AT.format(name=name, arguments=arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.read(4) == "here", process.communicate()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, err) == (CODES[number], "")


def test_the_command_handles_signals_before_it_imports_anything_of_size() -> None:
    program = "import sys; import offhook.cli.early; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-S", "-c", program]  # without site, which may import things of its own
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert not {"contextlib", "enum", "re", "signal", "threading", "typing"} & set(done.stdout.split())
