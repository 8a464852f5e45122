"""Whole calls over the transport ``agora``: `offhook call` against `offhook mock`, on upstream's unmodified layer."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.conftest import Mock
from tests.integration.likeness import compare, load
from tests.patience import busy

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "mockserver/offhook_mockserver/callees/clips"
ANSWERS = "+14155550123"


@pytest.fixture
def mock(tmp_path: Path, sdk_folder: Path) -> Iterator[Mock]:
    """A mock, with the settings that lead a phone to it over the SDK."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    server = Mock(recordings)
    server.environment |= {"OFFHOOK_TRANSPORT": "agora", "OFFHOOK_AGORA_SDK": str(sdk_folder)}
    yield server
    server.finish()


def undisturbed_call(mock: Mock, folder: Path, *arguments: str, **environment: str) -> tuple[Path, dict[str, Any]]:
    """Place a call; one in which the machine was too busy to send in time is void and repeated, at most twice."""
    for attempt in range(3):
        here = folder / f"attempt-{attempt}"
        here.mkdir()
        done = mock.offhook("call", ANSWERS, *arguments, "--out", "o", "--json", cwd=here, **environment)
        assert done.code == 0, done.err
        document = json.loads(done.out)
        counters = document["counters"]
        late = counters["frames_skipped"] or counters["sdk_underruns"]
        if not late or (attempt == 2 and busy()):  # then most of the speech is heard, which the comparison allows for
            return here, document
        print("void: the audio was not sent in time")
    pytest.fail("three calls in a row were void: this machine is too busy for real-time audio")


@pytest.mark.parametrize("process", ["child", "inline"])
def test_speech_arrives_whole_on_both_sides(process: str, mock: Mock, tmp_path: Path) -> None:
    say = f"wav:{SPEECH / 'greeting.wav'}"
    arguments = ("--say", say, "--listen", "recorder:heard.wav")
    here, document = undisturbed_call(mock, tmp_path, *arguments, OFFHOOK_AGORA_PROCESS=process)
    assert (document["disposition"], document["ended_by"]) == ("completed", "caller")
    mock.close()
    there = compare(load(SPEECH / "greeting.wav"), load(mock.recordings / f"{document['channel']}.callee.wav"))
    back = compare(load(SPEECH / "reply.wav"), load(here / "heard.wav"))
    for heard in (there, back):
        assert heard.speech_ms > 1_500
        heard.assert_whole(0.95)
    counters = document["counters"]
    assert counters["frames_dropped"] == counters["sdk_frames_refused"] == counters["sdk_callbacks_failed"] == 0
    assert "007eJ" not in json.dumps(document)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_call_survives_its_child(how: signal.Signals, mock: Mock, tmp_path: Path) -> None:
    calling = mock.start(
        "-m",
        "offhook",
        "call",
        ANSWERS,
        "--for",
        "12",
        "--out",
        "o",
        "--json",
        "--say",
        f"wav:{SPEECH / 'greeting.wav'}",
        cwd=tmp_path,
    )
    journal = tmp_path / "o/journal.jsonl"
    while not (journal.exists() and '"active"' in journal.read_text()):
        assert calling.poll() is None, calling.communicate()
        time.sleep(0.05)
    (child,) = descendants(calling.pid)
    os.kill(child, how)
    out, err = calling.communicate(timeout=60)
    assert calling.returncode == 0, err
    document = json.loads(out)
    events = [entry["event"] for entry in document["timeline"]]
    assert events.count("LegDisconnected") == events.count("LegReconnected") == 1
    assert document["disposition"] == "completed"
    assert document["counters"]["rejoins"] == 1
    assert "Traceback" not in err


def descendants(pid: int) -> list[int]:
    """The children of a process, whichever of its threads started them."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]


def test_without_an_sdk_nothing_rings(mock: Mock, tmp_path: Path) -> None:
    done = mock.offhook("call", ANSWERS, cwd=tmp_path, OFFHOOK_AGORA_SDK=str(tmp_path / "none"))
    assert done.code in (1, 2)
    assert "type: offhook" in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert list(mock.recordings.iterdir()) == []


@pytest.mark.trap("2.3")
@pytest.mark.parametrize("process", ["child", "inline"])
def test_certificates_are_verified_before_during_and_after(process: str, mock: Mock, tmp_path: Path) -> None:
    program = """
import asyncio, ssl
from offhook import Phone

def verifies():
    context = ssl._create_default_https_context()
    print(context.verify_mode is ssl.CERT_REQUIRED, context.check_hostname)

async def main():
    verifies()
    async with Phone.from_env() as phone:
        async with phone.dial("+14155550123") as call:
            await call.answered()
            verifies()
        verifies()
    verifies()

asyncio.run(main())
"""
    done = mock.run("-c", program, cwd=tmp_path, OFFHOOK_AGORA_PROCESS=process)
    assert done.code == 0, done.err
    assert done.out == "True True\n" * 4
    assert ssl._create_default_https_context is ssl.create_default_context


def test_a_barge_in_is_heard_at_once(mock: Mock, tmp_path: Path) -> None:
    """What `clear` returns is what the callee heard, and what it dropped is not heard."""
    program = """
import asyncio, array
from offhook import AudioFrame, Phone

async def main():
    async with Phone.from_env() as phone:
        async with phone.dial("+14155550123") as call:
            await call.answered()
            await asyncio.sleep(1)
            call.play([AudioFrame(array.array("h", [12000, -12000] * 160).tobytes(), 16_000)] * 250)
            await asyncio.sleep(1)
            print(call.clear())
            await asyncio.sleep(1)
        print(call.record.channel, call.record.counters["ms_flushed"])

asyncio.run(main())
"""
    done = mock.run("-c", program, cwd=tmp_path, OFFHOOK_AGORA_LEAD_MS="200")
    assert done.code == 0, done.err
    cleared_ms, channel, flushed_ms = done.out.split()
    mock.close()
    samples = load(mock.recordings / f"{channel}.callee.wav")
    heard_ms = int((abs(samples) > 0.3).sum()) / 16
    assert float(flushed_ms) > 100
    assert abs(heard_ms - float(cleared_ms)) <= 100, (heard_ms, cleared_ms, flushed_ms)


def test_muting_and_the_gain_are_heard(mock: Mock, tmp_path: Path) -> None:
    """While muted we stay published and send silence, as over every transport."""
    program = """
import asyncio, array
from offhook import AudioFrame, Phone

async def main():
    async with Phone.from_env() as phone:
        async with phone.dial("+14155550123") as call:
            await call.answered()
            call.play([AudioFrame(array.array("h", [12000, -12000] * 160).tobytes(), 16_000)] * 500)
            await asyncio.sleep(0.5)
            call.mute()
            await asyncio.sleep(0.5)
            call.gain_db = -12
            call.unmute()
            await asyncio.sleep(0.5)
        print(call.record.channel, call.record.counters["frames_muted"])

asyncio.run(main())
"""
    done = mock.run("-c", program, cwd=tmp_path)
    assert done.code == 0, done.err
    channel, muted = done.out.split()
    mock.close()
    levels = abs(load(mock.recordings / f"{channel}.callee.wav"))
    loud, soft = (levels > 0.3).nonzero()[0], ((levels > 0.08) & (levels < 0.11)).nonzero()[0]
    between = levels[loud[-1] + 1 : soft[0]]
    assert not (between > 0.01).any()
    assert abs(len(between) / 320 - int(muted)) <= 5, (len(between), muted)
