"""Signals to real processes, in mid-call: the first drains within 5 s, the second ends at once, whatever hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from typing import TYPE_CHECKING

import pytest
from tests.child_output import without_slowness
from tests.patience import PATIENCE_S, cut_off

from offhook_mockserver.callees.summaries import DEFAULT_NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.conftest import Mock

pytestmark = [pytest.mark.slow, pytest.mark.fault("F31")]

#: `offhook call` with a plugin that hangs where it is told to, and cannot be cancelled there.
HANGING = """
import asyncio, sys, time
from offhook import AudioFrame, hookimpl
from offhook.cli.root import run
from offhook.interfaces import AudioSink, AudioSource
from offhook_aiortc.leg import AiortcLeg
from offhook_aiortc.transport import AiortcTransport
from offhook.plugin import Plugins

where = set(sys.argv[1].split(","))

async def hang(*_):
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass

class Source(AudioSource):
    reads = 0
    async def read(self):
        await asyncio.sleep(0.02)
        self.reads += 1
        if "loop" in where and self.reads == 50:  # something has been recorded by then
            print("blocked", flush=True)
            time.sleep(1000)
        return AudioFrame(b"\\0\\x20" * 320, 16000)
    async def aclose(self):
        if "source" in where:
            await hang()

class Sink(AudioSink):
    async def write(self, frame): pass
    async def aclose(self):
        if "sink" in where:
            await hang()

if "leave" in where:
    AiortcLeg.leave = hang
if "transport" in where:
    AiortcTransport.aclose = hang

class Plugin:
    @hookimpl
    def offhook_audio_source(self, registry): registry.add("hanging", lambda _: Source())
    @hookimpl
    def offhook_audio_sink(self, registry): registry.add("hanging", lambda _: Sink())

load = Plugins.load.__func__
Plugins.load = classmethod(lambda cls, extra=(), *rest, **named: load(cls, [*extra, Plugin()], *rest, **named))
sys.exit(run(sys.argv[2:]))
"""
EVERYWHERE = "leave,source,sink,transport"
CALL = ("call", DEFAULT_NUMBER, "--say", "hanging", "--listen", "hanging", "--out", "o")


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "hanging.py"
    path.write_text(HANGING)
    return str(path)


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    pytest.fail(f"no {word}: {process.communicate()[1]}")


def stop(process: subprocess.Popen[str], *numbers: signal.Signals, apart_s: float = 0.3) -> tuple[float, str, str]:
    """Send signals; how long the process took to end after the last, and what it printed since."""
    for index, number in enumerate(numbers):
        if index:
            time.sleep(apart_s)
        os.kill(process.pid, number)
    sent_s = time.monotonic()
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    return time.monotonic() - sent_s, out, err


def assert_recordings_are_valid(folder: Path) -> None:
    for name in ("caller-heard.wav", "mix.wav"):
        with wave.open(str(folder / name)) as file:
            assert file.getnframes() > 0, name
            assert len(file.readframes(file.getnframes())) == file.getnframes() * 2 * file.getnchannels()


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("leave", signal.SIGINT),
        ("source", signal.SIGTERM),
        ("sink", signal.SIGTERM),
        (EVERYWHERE, signal.SIGTERM),
        ("loop", signal.SIGTERM),
    ],
)
def test_the_first_signal_ends_the_call_within_five_seconds_whatever_hangs(
    mock: Mock, script: str, tmp_path: Path, where: str, number: signal.Signals
) -> None:
    process = mock.start(script, where, *CALL, cwd=tmp_path, NO_COLOR="1")
    wait_for(process, "blocked" if where == "loop" else "ACTIVE")
    time.sleep(0.5)  # real time is what this is about: let something be recorded
    took_s, out, err = stop(process, number)
    print(f"{where}: {took_s:.2f} s")
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    assert_recordings_are_valid(tmp_path / "o")
    if where != "loop":
        record = json.loads((tmp_path / "o/record.json").read_text())
        assert (record["disposition"], record["ended_by"]) == ("completed", "caller"), "the record was flushed"
    if where in {"source", "sink"}:
        assert "in o/:" in out, "it could say what it left"
        assert all(line.startswith("offhook: plugin ") for line in without_slowness(err).splitlines()), err
    else:  # the transport waits for its legs, for as long as the phone lets it
        assert err.endswith("offhook: not everything ended within 4.8 s; left it\n")
    if where == "loop":
        assert "still is, at hanging.py:" in err, "the watchdog names who blocks"
    mock.close()  # it had to throw our leg out, and says so


@pytest.mark.parametrize("where", [EVERYWHERE, "loop"])
def test_the_second_signal_ends_it_at_once_whatever_hangs(mock: Mock, script: str, tmp_path: Path, where: str) -> None:
    process = mock.start(script, where, *CALL, cwd=tmp_path, NO_COLOR="1")
    wait_for(process, "blocked" if where == "loop" else "ACTIVE")
    time.sleep(0.5)
    took_s, _, err = stop(process, signal.SIGTERM, signal.SIGINT)
    print(f"{where}: {took_s:.3f} s")
    assert process.returncode == 128 + signal.SIGTERM, err
    assert without_slowness(err) == "", "it did not wait for what hangs"
    assert_recordings_are_valid(tmp_path / "o")
    mock.close()


@pytest.fixture
def mock_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "mock", "--json", "--recordings", str(tmp_path / "r")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, "api_key")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_mock_server_stops_by_any_signal(mock_process: subprocess.Popen[str], number: signal.Signals) -> None:
    _, _, err = stop(mock_process, number)
    assert cut_off(err) or (mock_process.returncode, err) == (0, "")


def mock_children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM)])
def test_a_demo_ends_with_its_server(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "demo", "--out", "o"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "PYTHONSAFEPATH": "1", "TMPDIR": str(scratch)},
    )
    wait_for(process, "ACTIVE")
    servers = mock_children(process.pid)
    assert servers
    time.sleep(0.5)
    _, _, err = stop(process, *numbers, apart_s=0.01)
    assert process.returncode == 128 + signal.SIGTERM, err
    deadline = time.monotonic() + PATIENCE_S
    while not all(gone(pid) for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(gone(pid) for pid in servers), "the server was left behind"
    assert list(scratch.iterdir()) == []
    assert_recordings_are_valid(tmp_path / "o")
    if len(numbers) == 1:
        assert json.loads((tmp_path / "o/record.json").read_text())["ended_by"] == "caller"
