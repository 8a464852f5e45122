"""What a test leaves behind fails it, in pytest runs of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from offhook_mockserver.testkit.allowances import ALLOWANCES

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

#: In virtual time, with real phones.
VIRTUAL = """
import asyncio

import pytest

from offhook import Phone

pytestmark = pytest.mark.offhook_virtual
KEPT = []


async def wait_for_answer(number):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.ended()


async def hang_up_at_once(number):
    async with Phone.from_env() as phone, phone.dial(number) as call:
        await call.answered()


async def forgetful():
    KEPT.append(asyncio.create_task(asyncio.sleep(3600), name="renewal"))


def test_clean(offhook_mock):
    callee = offhook_mock.callee().answers(after_s=1).waits(1).hangs_up()
    offhook_mock.start(wait_for_answer(callee.number))
    callee.finished()


def test_call_up(offhook_mock):
    callee = offhook_mock.callee().answers(after_s=1)
    offhook_mock.start(wait_for_answer(callee.number))
    offhook_mock.sleep(1)


@pytest.mark.offhook(allow=["calls_up"])
def test_call_up_is_allowed(offhook_mock):
    callee = offhook_mock.callee().answers(after_s=1)
    offhook_mock.start(wait_for_answer(callee.number))
    offhook_mock.sleep(1)


def test_call_ends_later(offhook_mock):
    callee = offhook_mock.callee().never_answers()
    offhook_mock.start(wait_for_answer(callee.number))


def test_script_unfinished(offhook_mock):
    callee = offhook_mock.callee().answers().waits(1).hangs_up()
    offhook_mock.run(hang_up_at_once(callee.number))
    callee.ended()


def test_never_rung(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()


def test_no_script_is_no_promise(offhook_mock):
    assert not offhook_mock.callee("+14155550142").calls


@pytest.mark.parametrize("allowed", [False, True])
def test_task(offhook_mock, request, allowed):
    offhook_mock.run(forgetful())


@pytest.fixture(autouse=True)
def allowing(request):
    if "allowed" in request.fixturenames and request.getfixturevalue("allowed"):
        request.node.add_marker(pytest.mark.offhook(allow=["tasks"]))


def test_skipped(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()
    pytest.skip("not today")


@pytest.mark.xfail
def test_fails_as_expected(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()
    assert offhook_mock.line == ""


def test_fault_unused(offhook_mock):
    with offhook_mock.faults.lost_answer():
        pass


def test_media_fault_unused(offhook_mock):
    offhook_mock.faults.media(loss=0.5)


@pytest.mark.offhook(allow=["faults_unused"])
def test_fault_unused_allowed(offhook_mock):
    offhook_mock.faults.lost_answer()


def test_typo_before_anything_began(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()
    offhook_mock.faults.lost_answer()
    offhook_mock.cale


def test_failure_is_not_hidden(offhook_mock):
    offhook_mock.callee("+14155550142").answers().hangs_up()
    offhook_mock.run(forgetful())
    assert offhook_mock.line == ""
"""

#: In real time: threads and requests of any client.
REAL = """
import socket
import threading

import httpx
import pytest

KEPT = []


def test_unexpected_request(offhook_mock):
    headers = {"sb-api-key-id": offhook_mock.key_id, "sb-api-secret-key": offhook_mock.secret_key}
    httpx.post(offhook_mock.url + "/facetime/hang-up", headers=headers, json={})


def test_thread_and_socket(offhook_mock):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    stop = threading.Event()
    threading.Thread(target=stop.wait, name="poller", daemon=True).start()
    KEPT.extend((made, stop))


@pytest.mark.offhook(allow=["sockets", "threads"])
class TestAllowed:
    def test_thread_and_socket(self, offhook_mock):
        test_thread_and_socket(offhook_mock)


async def failing():
    raise ValueError("of the application")


def test_application(offhook_mock):
    started = offhook_mock.start(failing())
    while not started.done:
        offhook_mock.sleep(0.01)


@pytest.mark.offhook(allow=["call_up"])
def test_unknown_allowance(offhook_mock):
    raise AssertionError("not reached")


@pytest.mark.offhook("calls_up")
def test_wrong_marker(offhook_mock):
    raise AssertionError("not reached")


@pytest.mark.offhook(allow=1)
def test_wrong_allowance(offhook_mock):
    raise AssertionError("not reached")


def teardown_module():
    for kept in KEPT:
        (kept.set if isinstance(kept, threading.Event) else kept.close)()
"""


def test_what_is_left_in_the_mock_fails_the_test_and_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=VIRTUAL)
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--tb=short", "--offhook-artifacts=off"
    )
    result.assert_outcomes(passed=12, errors=6, failed=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_call_up _*",
            "the test passed, and left this behind:",
            "  the call to +14155550123 is still up: the callee has answered, and neither side has hung up. *",
            "If that is intended, mark the test @pytest.mark.offhook(allow=['calls_up']).",
            "*offhook: what happened*",
            "*ERROR at teardown of test_script_unfinished _*",
            "  the script of the callee +14155550123 did not end: *waits 1 s*",
            "*ERROR at teardown of test_never_rung _*",
            "  no call rang the callee +14155550142, which has a script: *",
            "*ERROR at teardown of test_task[[]False[]] _*",
            "  task renewal, running sleep, waits at *",
            "*ERROR at teardown of test_fault_unused _*",
            "  the fault lost_answer: * was never applied: * (faults_unused)",
            "*ERROR at teardown of test_media_fault_unused _*",
            "  the fault media: * was never applied: * (faults_unused)",
            "*= FAILURES =*",
            "*test_typo_before_anything_began*",
            "No call rang, and nothing else happened.",
            "",
            "Faults that the test made:",
            "  lost_answer: *: applied 0 times",
            "*test_failure_is_not_hidden*",
            "*When the test failed:*",
            "  no call rang the callee +14155550142, which has a script: *",
        ]
    )


def test_a_test_that_passes_again_has_no_folder_any_more(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pathlib
        import pytest

        @pytest.mark.offhook_virtual
        def test_it(offhook_mock):
            assert pathlib.Path("fixed").exists()
        """
    )
    arguments = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--offhook-artifacts-dir=art")
    pytester.runpytest_inprocess(*arguments).assert_outcomes(failed=1)
    assert [path.name for path in (pytester.path / "art").glob("test_it-test_it-*/journal.jsonl")] == ["journal.jsonl"]
    (pytester.path / "fixed").touch()
    pytester.runpytest_inprocess(*arguments).assert_outcomes(passed=1)
    assert not [*(pytester.path / "art").iterdir()]


def test_what_is_left_in_the_process_fails_the_test_and_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=REAL)
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--tb=short", "--offhook-artifacts=off"
    )
    result.assert_outcomes(passed=4, errors=6)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_unexpected_request _*",
            "  POST /facetime/hang-up: 501 *(unexpected_requests)",
            "*ERROR at teardown of test_thread_and_socket _*",
            "  thread poller, a daemon*(threads)",
            "  UDP socket 127.0.0.1:*(sockets)",
            "If that is intended, mark the test @pytest.mark.offhook(allow=['sockets', 'threads']).",
            "A fixture that ends it must request offhook_mock, so that it does so before this check.",
            "*ERROR at teardown of test_application _*",
            "E   ValueError: of the application",
            "*ERROR at setup of test_unknown_allowance _*",
            "*does not know 'call_up'; did you mean calls_up?",
            "It knows calls_up, scripts_unfinished, *",
            "*ERROR at setup of test_wrong_marker _*",
            "*takes two arguments: write allow=*",
            "*ERROR at setup of test_wrong_allowance _*",
            "*takes two arguments: write allow=*",
        ]
    )


def test_the_marker_names_what_may_be_allowed(pytestconfig: pytest.Config) -> None:
    (described,) = [line for line in pytestconfig.getini("markers") if line.startswith("offhook(allow")]
    names = described.partition("by name: ")[2].removesuffix(" (offhook_mock)")
    assert names.split(", ") == list(ALLOWANCES)


def test_without_the_extra_a_sentence_says_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    pytester.makepyfile("def test_it(offhook_mock):\n    pass\n\n\ndef test_plain():\n    pass\n")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["the fixture offhook_mock needs a part of offhook that is not installed: pip install *offhook?mock?*"]
    )
    result.stdout.no_fnmatch_line("*ModuleNotFoundError*")
