"""What an application does after the body of its test: it is waited for, and what it raises fails the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--tb=short", "--offhook-artifacts=off")

TESTS = """
import asyncio
import threading
import time

import pytest

from offhook import Phone
from offhook_mockserver.testkit import MockOptions

pytestmark = pytest.mark.offhook_virtual


@pytest.fixture(scope="session")
def offhook_mock_options():
    return MockOptions(ending_s=60)


async def ring(number, seconds=1.0):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()
        await asyncio.sleep(seconds)
    return str(call.record.disposition)


async def boom(number):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()
        await asyncio.sleep(1)
        raise RuntimeError("llm is down")


def story(mock, application):
    callee = mock.callee().answers()
    mock.start(application(callee.number))
    callee.ended(timeout_s=20)


def test_raises_in_mid_call(offhook_mock):
    story(offhook_mock, boom)


async def test_coroutine_test(offhook_mock):
    offhook_mock.start(boom(offhook_mock.callee().number))
    await offhook_mock.callee().aended(timeout_s=20)


def test_starts_a_thread(offhook_mock):
    async def threads(number):
        async with Phone.from_env() as phone, phone.dial(number) as call:
            await call.answered()
            threading.Thread(target=time.sleep, args=(1,)).start()

    story(offhook_mock, threads)


def test_assertion_after_the_call(offhook_mock):
    async def checks(number):
        assert await ring(number) == "no_answer"

    story(offhook_mock, checks)


def test_redials_later(offhook_mock):
    async def redials(number):
        await ring(number)
        await asyncio.sleep(5)
        await ring(number)

    story(offhook_mock, redials)


async def stays(number):
    await ring(number)
    await asyncio.sleep(3600)


def test_never_ends(offhook_mock):
    story(offhook_mock, stays)


@pytest.mark.offhook(allow=["applications"])
def test_may_stay(offhook_mock):
    story(offhook_mock, stays)


@pytest.mark.offhook(allow=["calls_up"])
def test_call_may_stay(offhook_mock):
    callee = offhook_mock.callee().answers()
    offhook_mock.start(ring(callee.number, 3600))
    callee.finished()


def test_ends_a_little_later(offhook_mock):
    async def tidies(number):
        await ring(number)
        await asyncio.sleep(50)

    story(offhook_mock, tidies)
"""

REAL = """
import asyncio
import pytest


async def fails_later():
    await asyncio.sleep(0.05)
    raise RuntimeError("llm is down")


def test_real(offhook_mock):
    offhook_mock.start(fails_later())


def test_asked(offhook_mock):
    started = offhook_mock.start(fails_later())
    with pytest.raises(RuntimeError):
        started.result()
"""


def test_in_virtual_time_what_an_application_does_after_the_body_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TESTS)
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_raises_in_mid_call _*",
            "*in boom",
            "E   RuntimeError: llm is down",
            "*ERROR at teardown of test_coroutine_test _*",
            "E   RuntimeError: llm is down",
            "*ERROR at teardown of test_starts_a_thread _*",
            "E * this test runs in virtual time and started a thread*",
            "*ERROR at teardown of test_assertion_after_the_call _*",
            "E   AssertionError: assert 'completed' == 'no_answer'",
            "*ERROR at teardown of test_redials_later _*",
            "  +1415*0123 was called 2 times, *(called_again)",
            "*ERROR at teardown of test_never_ends _*",
            "  the application stays still ran 60 s after the test: it waits in test_it.py:* in stays, which awaits "
            "sleep (applications)",
        ]
    )
    result.assert_outcomes(passed=9, errors=6)


def test_in_real_time_an_application_has_a_few_seconds_to_fail(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=REAL)
    result = pytester.runpytest_inprocess(*QUIET)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_real _*", "*in fails_later", "E   RuntimeError: llm is down"]
    )
    result.assert_outcomes(passed=2, errors=1)


FRAMES = """
import asyncio

import pytest

from offhook import Phone

pytestmark = pytest.mark.offhook_virtual


async def boom(number):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()
        raise RuntimeError("llm is down")


async def refused():
    async with Phone.from_env() as phone, phone.dial("+14155550123") as call:
        await call.answered()


async def hangs():
    while True:
        await asyncio.sleep(1)


def test_run(offhook_mock):
    offhook_mock.run(boom(offhook_mock.callee().number))


def test_run_refused(offhook_mock):
    with offhook_mock.faults.status(401):
        offhook_mock.run(refused())


def test_run_hangs(offhook_mock):
    offhook_mock.run(hangs(), timeout_s=5)


def test_heard(offhook_mock):
    offhook_mock.callee().heard


def test_heard_argument(offhook_mock):
    offhook_mock.run(boom_quietly(offhook_mock.callee().number))
    offhook_mock.callee().heard.has_tone("440")


async def boom_quietly(number):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()


def test_wait_for(offhook_mock):
    offhook_mock.wait_for(1, text="nothing")


def test_fault(offhook_mock):
    offhook_mock.faults.status(9000)


def test_fault_limit(offhook_mock):
    offhook_mock.faults.lost_answer(times=0)


def test_verb(offhook_mock):
    offhook_mock.callee().answers(after_s=-1)


def test_setting(offhook_mock):
    offhook_mock.settings.token_life_s = "5"
"""


def test_no_frame_of_the_kit_stands_before_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=FRAMES)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(failed=10)
    frames = [line for line in result.stdout.lines if ": in " in line]
    assert [line for line in frames if not line.startswith("test_it.py:")] == []
    assert "_ test_run_refused _" in "\n".join(result.stdout.lines)
    result.stdout.fnmatch_lines(
        [
            "E *WaitTimeout: the application hangs still runs after timeout_s=5 s; it waits in test_it.py:* in hangs, "
            "which awaits sleep",
        ]
    )
