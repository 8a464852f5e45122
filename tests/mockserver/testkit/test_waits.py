"""Waits for a callee end when what they wait for cannot happen any more, and say why."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import Phone
from offhook.plugin import Plugins
from offhook_mockserver.testkit import MockHandle, MockOptions, NotFinished, ScriptFailed, mock
from offhook_mockserver.testkit.making import virtual_handle

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "+14155550123"
CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"


@pytest.fixture
def offhook() -> Iterator[MockHandle]:
    with mock(virtual=True) as handle:
        yield handle


async def leave_early(number: str = NUMBER) -> None:
    async with Phone.from_env() as phone, phone.dial(number) as call:
        if await call.answered():
            call.play("tone:440,1")
            await call.hang_up(after="playout")


def on_the_loop(handle: MockHandle, application: object) -> float:
    """Wait for the callee while an application runs of which the kit knows nothing; returns when the wait ended."""

    async def main() -> float:
        running = asyncio.ensure_future(application)  # type: ignore[call-overload]
        try:
            with pytest.raises(NotFinished, match=r"the caller hung up .* after the answer, before"):
                await handle.callee().afinished(timeout_s=1000)
            return asyncio.get_running_loop().time()
        finally:
            await running

    assert handle.runner is not None
    return handle.runner.run(main(), context=contextvars.copy_context())


def test_a_wait_ends_with_the_call_of_an_application_that_the_kit_did_not_start(offhook: MockHandle) -> None:
    offhook.callee().answers(after_s=1).listens(until="quiet").says("hello.wav")
    assert on_the_loop(offhook, leave_early()) < 4


def test_a_wait_for_the_answer_does_too(offhook: MockHandle) -> None:
    async def give_up() -> None:
        async with Phone.from_env() as phone, phone.dial(NUMBER) as call:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await call.answered()

    callee = offhook.callee().answers(after_s=20)
    offhook.start(give_up())
    with pytest.raises(
        NotFinished, match=r"answered\(\): the call to .* is over: the caller gave up before the answer"
    ):
        callee.answered(timeout_s=1000)
    offhook.callee().ended(timeout_s=0)


def test_a_wait_ends_with_the_call_while_its_application_runs_on(offhook: MockHandle) -> None:
    async def server() -> None:
        await leave_early()
        await asyncio.sleep(500)

    callee = offhook.callee().answers(after_s=1).listens(until="quiet").says("hello.wav")
    began_s = offhook.clock.monotonic_s()
    offhook.start(server())
    with pytest.raises(NotFinished, match="the caller hung up"):
        callee.finished(timeout_s=1000)
    assert offhook.clock.monotonic_s() - began_s < 5


def test_an_application_has_a_moment_to_say_why_its_call_ended(offhook: MockHandle) -> None:
    async def failing() -> None:
        await leave_early()
        await asyncio.sleep(0.2)
        raise LookupError("no such reply")

    callee = offhook.callee().answers(after_s=1).listens(until="quiet").says("hello.wav")
    offhook.start(failing())
    with pytest.raises(NotFinished, match="failing raised LookupError: no such reply") as failed:
        callee.finished(timeout_s=1000)
    assert isinstance(failed.value.__cause__, LookupError)


def test_a_call_that_is_dialled_again_at_once_is_waited_for(offhook: MockHandle) -> None:
    async def twice() -> None:
        await leave_early()
        async with Phone.from_env() as phone, phone.dial(NUMBER, redial=True) as call:
            await call.answered()
            call.play("tone:440,1")
            await asyncio.sleep(5)

    callee = offhook.callee().answers(after_s=1).listens(until="quiet")
    offhook.start(twice())
    callee.finished(timeout_s=1000)
    assert len(callee.calls) == 2


def test_a_test_that_expects_a_second_call_waits_for_it() -> None:
    async def later() -> None:
        await leave_early()
        await asyncio.sleep(60)
        async with Phone.from_env() as phone, phone.dial(NUMBER) as call:
            await call.answered()
            call.play("tone:440,1")
            await asyncio.sleep(5)

    for allow, calls in ((frozenset[str](), 1), (frozenset({"called_again"}), 2)):
        with virtual_handle(MockOptions(), plugins=Plugins.load(), seed=1, allow=allow) as handle:
            callee = handle.callee().answers(after_s=1).listens(until="quiet")
            handle.start(later())
            with pytest.raises(NotFinished) if calls == 1 else contextlib.nullcontext():
                callee.finished(timeout_s=100)
            assert len(callee.calls) == calls


def test_a_script_that_fails_ends_the_wait(offhook: MockHandle, tmp_path: Path) -> None:
    broken = tmp_path / "cut.wav"
    broken.write_bytes((CLIPS / "hello.wav").read_bytes()[:40])

    async def patient() -> None:
        async with Phone.from_env() as phone, phone.dial(NUMBER) as call:
            await call.answered()

    async def main() -> float:
        application = asyncio.ensure_future(patient())
        with pytest.raises(ScriptFailed):
            await callee.afinished(timeout_s=1000)
        application.cancel()
        await asyncio.wait((application,))
        return asyncio.get_running_loop().time()

    callee = offhook.callee().answers(after_s=1).says(str(broken))
    assert offhook.runner is not None
    assert offhook.runner.run(main(), context=contextvars.copy_context()) < 5


def test_with_an_application_in_another_process() -> None:
    code = (
        "import asyncio; from offhook import Phone\n"
        "async def main():\n"
        f"    async with Phone.from_env() as phone, phone.dial({NUMBER!r}) as call:\n"
        "        await call.answered()\n"
        "asyncio.run(main())"
    )
    with mock() as handle:
        callee = handle.callee().answers().listens(until="quiet")
        with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **handle.environment}):
            callee.answered(timeout_s=20)
            began_s = time.monotonic()
            with pytest.raises(NotFinished, match="the caller hung up"):
                callee.finished(timeout_s=500)
            assert time.monotonic() - began_s < 100
