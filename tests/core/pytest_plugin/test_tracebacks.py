"""A mistake in the use of offhook is shown at the line of the user, without the frames of offhook."""

from __future__ import annotations

from functools import partial

import httpcore  # noqa: F401 - see below
import httpx  # noqa: F401
import pytest

# A run in this process forgets the modules that it imported first, and not what was made of them: so they are here.
import offhook.call.phone  # noqa: F401
import offhook_sendblue.carrier  # noqa: F401
from offhook import Phone
from offhook_pytest.tracebacks import cut

pytest_plugins = ["pytester"]

MISTAKES = """
import asyncio

import pytest

from offhook import CallPolicy, Phone

GOOD = {
    "SENDBLUE_API_API_KEY": "k",
    "SENDBLUE_API_API_SECRET": "s",
    "OFFHOOK_FROM_NUMBER": "+18885550100",
    "SENDBLUE_API_BASE_URL": "http://127.0.0.1:9",
    "OFFHOOK_STORE": "none",
}


def test_argument():
    Phone(policy=5)


def test_name():
    Phone(carrier="sendblu")


def test_store():
    Phone.from_env(GOOD, store="sqlit:x")


def test_number():
    Phone.from_env(GOOD).dial("5")


def test_policy():
    CallPolicy(ring_timeout_s=-1)


def test_in_a_coroutine():
    async def main():
        async with Phone.from_env(GOOD) as phone:
            phone.dial("5")

    asyncio.run(main())


def test_in_a_group():
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(Phone, policy=5))

    asyncio.run(main())


@pytest.fixture
def phone():
    return Phone(call_limit=0)


def test_in_a_fixture(phone):
    pass


def test_as_a_cause():
    try:
        Phone(call_limit=0)
    except Exception as error:
        raise LookupError("no phone") from error
"""
OTHERS = """
import json


def test_an_error_of_others():
    json.loads("{")
"""


def frames(result: pytest.RunResult) -> list[str]:
    return [line for line in result.stdout.lines if ": in " in line]


def test_no_frame_of_offhook_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MISTAKES)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--tb=short")
    result.assert_outcomes(failed=8, errors=1)
    shown = frames(result)
    assert [line for line in shown if "offhook" in line.partition(": in ")[0] or line.startswith("<string>")] == []
    assert sum(line.startswith("test_it.py:") for line in shown) >= 9
    result.stdout.fnmatch_lines(
        ["test_it.py:*: in test_argument", "    Phone(policy=5)", "E *ConfigError: policy must be *"]
    )


def test_all_of_them_are_shown_on_demand(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MISTAKES)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--full-trace", "-k", "test_argument")
    result.stdout.fnmatch_lines(["*offhook/call/phone.py:*"])


def test_errors_of_others_stay_as_they_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=OTHERS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--tb=short")
    assert any("json/decoder.py" in line.replace("\\", "/") for line in frames(result))


def test_an_error_without_a_line_of_the_users_keeps_its_frames() -> None:
    call = pytest.CallInfo.from_call(partial(Phone, call_limit=0), "call")
    cut(call)
    assert call.excinfo is not None
    assert any(entry.name == "__init__" for entry in call.excinfo.traceback)
    cut(passed := pytest.CallInfo.from_call(lambda: None, "call"))
    assert passed.excinfo is None
