"""A call and its process (F38): forks, other processes, and programs that end with calls still up."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from tests.child_output import without_slowness
from tests.core.rig import NUMBER, rig, run
from tests.patience import PATIENCE_S

import offhook
from offhook.errors import CallStateError
from offhook.testing import ListSink, VirtualLoop

pytestmark = pytest.mark.fault("F38")

#: A program with a call up, with everything that goes with one; `{end}` is how it ends.
PROGRAM = """
import asyncio, gc, logging, os, sys, threading, time
from offhook import AudioFrame, Phone
from offhook.testing import LinkedTransport, ListSink, ScriptedCarrier

def new_phone(transport):
    off = {{"OFFHOOK_DISABLE_PLUGINS": "sendblue,agora,aiortc,audio,jsonl,mockserver"}}
    return Phone(carrier=ScriptedCarrier(), transport=transport, environment=off, watchdog_limit_s=5)

async def speech():
    while True:
        yield AudioFrame(bytes(640), 16000)

async def up():
    asyncio.get_running_loop().slow_callback_duration = 5  # -X dev would report a busy machine
    transport = LinkedTransport()
    callee = transport.member()
    phone = new_phone(transport)
    call = phone.dial("+14155550123", record="both.wav")
    await call.__aenter__()
    callee.join()
    callee.publish()
    await call.answered()
    call.listen(ListSink())
    call.play(speech())
    await asyncio.sleep(0.1)
    assert threading.active_count() == 2
    print("up", flush=True)
    return phone, call

async def main():
    phone, call = await up()
    {body}

{end}
"""
ASYNCIO_RUN = "asyncio.run(main())"


def end(tmp_path: Path, body: str = "return", end: str = ASYNCIO_RUN) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, with every warning on."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(Path(offhook.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM.format(body=body, end=end)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("return", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("raise ValueError('mine')", 1, "ValueError: mine"),
        ("os.kill(os.getpid(), 2); await asyncio.sleep(9)", -2, "KeyboardInterrupt"),
    ],
    ids=["returns", "sys.exit", "SystemExit", "raises", "ctrl-C"],
)
def test_a_program_that_ends_with_a_call_up_ends_without_a_word_of_ours(
    body: str, code: int, says: str, tmp_path: Path
) -> None:
    done = end(tmp_path, body)
    assert done.returncode == code, done.stderr
    assert without_slowness(done.stderr).splitlines()[-1:] == ([says] if says else [])
    assert "ignored" not in done.stderr
    assert "destroyed" not in done.stderr
    with wave.open(str(tmp_path / "both.wav")) as file:
        assert file.getnframes() > 0


@pytest.mark.parametrize("left", ["", "loop.close()"], ids=["open", "closed"])
def test_a_program_that_ends_without_ending_its_loop_does_not_hang(left: str, tmp_path: Path) -> None:
    """A loop that is not run: neither the call nor the watchdog's thread keeps the process."""
    done = end(tmp_path, end=f"loop = asyncio.new_event_loop()\nloop.run_until_complete(main())\n{left}\nprint('end')")
    assert (done.returncode, done.stdout) == (0, "up\nend\n"), done.stderr
    assert "Exception ignored" not in done.stderr
    assert "offhook-watchdog" not in done.stderr


def test_a_forked_child_is_refused_and_the_call_goes_on(tmp_path: Path) -> None:
    body = """
    child = os.fork()
    if not child:
        for name, use in (("dial", lambda: phone.dial("+14155550124")), ("enter", call.__aenter__),
                          ("hang up", call.hang_up), ("close", phone.aclose)):
            try:
                made = use()
                await made
            except Exception as error:
                print(f"{type(error).__name__}: {name}: {error}", flush=True)
        new_phone(LinkedTransport()).dial("+14155550125")
        print("a phone of its own", flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert call.state.name == "ACTIVE"
    await call.hang_up()
    print(call.record.disposition.value)
"""
    done = end(tmp_path, body)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert without_slowness(done.stderr) == ""
    assert lines[0] == "up"
    for line, name in zip(lines[1:5], ("dial", "enter", "hang up", "close"), strict=True):
        assert line.startswith(f"CallStateError: {name}: this phone was made in process ")
        assert line.endswith("make a phone of its own in the child, and leave calls to the process that placed them")
    assert lines[5:] == ["a phone of its own", "completed"]


def test_a_phone_of_another_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        r = rig()
        call = r.phone.dial(NUMBER)
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(os, "getpid", lambda: 1)
            with pytest.raises(CallStateError, match="forked from it, process 1: make a phone of its own"):
                r.phone.dial(NUMBER)
            for use in (call.__aenter__, call.hang_up, r.phone.aclose):
                with pytest.raises(CallStateError, match="forked"):
                    await use()
        assert r.carrier.rung == []
        async with call:
            pass

    run(main())


def test_neither_a_phone_nor_a_call_goes_to_another_process() -> None:
    r = rig()
    with pytest.raises(CallStateError, match=r"a Phone cannot be sent to another process: make one there"):
        pickle.dumps(r.phone)
    with pytest.raises(CallStateError, match=r"a Call cannot be sent to another process"):
        copy.copy(r.phone.dial(NUMBER))


def test_a_loop_that_is_closed_under_a_call_leaves_no_noise_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio says that tasks were left, and it is right; what was being waited for says nothing more."""

    async def begin() -> None:
        r = rig()
        r.answer(0)
        call = r.phone.dial(NUMBER)
        await call.__aenter__()
        call.listen(ListSink())
        await asyncio.sleep(0)

    loop = VirtualLoop()
    loop.run_until_complete(begin())
    loop.close()
    del loop
    gc.collect()  # an exception that is ignored would fail this test
    assert all("Task was destroyed" in record.message for record in caplog.records)
