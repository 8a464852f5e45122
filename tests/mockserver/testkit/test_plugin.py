"""The pytest plugin of the mock, in pytest runs of their own: every kind of test, both kinds of time."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import numpy  # noqa: F401 - see below
import pytest

# A run in this process forgets the modules that it imported first, and not what was made of them: so they are here.
import offhook.testing.audio  # noqa: F401
import offhook_aiortc.transport  # noqa: F401
import offhook_mockserver.testkit.artefacts
import offhook_mockserver.testkit.making  # noqa: F401
from offhook import Phone  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

#: Without what these runs do not need; hypothesis is imported anew at the end of each.
QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--offhook-artifacts=off")
#: A test file's beginning: an application that rings, says a tone and hangs up.
HEAD = """
    import asyncio
    import os
    import unittest

    import pytest

    from offhook import Phone
    from offhook.errors import CallStateError

    async def bot(number):
        async with Phone.from_env() as phone, phone.dial(number) as call:
            if await call.answered():
                call.play("tone:440,0.2")
                await call.hang_up(after="playout")
        return call.record.disposition
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs a test file in this process, or with ``subprocess=True`` in another."""

    def run(text: str, *options: str, subprocess: bool = False) -> pytest.RunResult:
        pytester.makepyfile(textwrap.dedent(HEAD) + textwrap.dedent(text))
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        result = start("--strict-markers", *QUIET, *options)
        assert isinstance(result, pytest.RunResult)
        return result

    return run


def test_a_plain_function_in_both_kinds_of_time(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        def story(offhook_mock):
            callee = offhook_mock.callee("+14155550123").answers(after_s=0.01).listens(until="speech")
            assert offhook_mock.run(bot(callee.number), timeout_s=20) == "completed"
            callee.finished(timeout_s=5)
            assert callee.heard.has_tone(440)
            assert [call.number for call in offhook_mock.calls] == ["+14155550123"]
            assert os.environ["SENDBLUE_API_BASE_URL"] == offhook_mock.url
            assert offhook_mock.environment["SENDBLUE_API_API_KEY"] == offhook_mock.key_id

        def test_real(offhook_mock):
            story(offhook_mock)
            assert not offhook_mock.virtual

        @pytest.mark.offhook_virtual
        def test_virtual(offhook_mock):
            story(offhook_mock)
            assert offhook_mock.virtual

        def test_nothing_is_left_in_the_environment():
            assert "SENDBLUE_API_BASE_URL" not in os.environ
            assert os.environ["OFFHOOK_ONLY_LOOPBACK"] == "1"
    """)
    result.assert_outcomes(passed=3)


def test_a_coroutine_in_virtual_time_on_the_loop_of_the_fixture(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @pytest.mark.offhook_virtual
        @pytest.mark.offhook(allow=["called_again"])
        async def test_virtual(offhook_mock):
            callee = offhook_mock.callee().answers(after_s=30).listens(until="speech")
            began_s = asyncio.get_running_loop().time()
            assert await bot(callee.number) == "completed"
            await callee.afinished()
            assert asyncio.get_running_loop().time() > began_s + 30
            await offhook_mock.asleep(3600)
            assert (await offhook_mock.await_for(kind="call", where={"event": "ended"})).number
            assert await offhook_mock.arun(bot(callee.number)) == "completed"

        @pytest.mark.offhook_virtual
        async def test_a_verb_that_blocks_names_its_twin(offhook_mock):
            callee = offhook_mock.callee()
            with pytest.raises(CallStateError, match=r"await callee\\.afinished\\(\\.\\.\\.\\)"):
                callee.finished(timeout_s=1)
            with pytest.raises(CallStateError, match=r"await offhook_mock\\.asleep"):
                offhook_mock.sleep(1)
            with pytest.raises(CallStateError, match=r"await offhook_mock\\.await_for"):
                offhook_mock.wait_for()
    """)
    result.assert_outcomes(passed=2)


def test_unittest(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @pytest.mark.usefixtures("offhook_mock")
        class TestBot(unittest.TestCase):
            def test_it(self):
                callee = self.offhook_mock.callee().answers()
                self.assertEqual(self.offhook_mock.run(bot(callee.number)), "completed")
                callee.finished(timeout_s=5)

            def test_each_has_its_own(self):
                self.assertEqual(self.offhook_mock.calls, ())
    """)
    result.assert_outcomes(passed=2)


def test_the_anyio_plugin_on_asyncio_and_on_trio(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        import anyio

        @pytest.mark.anyio
        async def test_it(offhook_mock, anyio_backend_name):
            callee = offhook_mock.callee().answers(after_s=0.01).listens(until="speech")
            app = offhook_mock.start(bot(callee.number))
            await callee.afinished(timeout_s=20)
            assert await app.aresult(timeout_s=20) == "completed"
            with pytest.raises(CallStateError, match="await callee.afinished"):
                callee.finished()
            with anyio.move_on_after(0.02) as scope:
                await offhook_mock.asleep(60)
            assert scope.cancelled_caught
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.soak  # where pytest-asyncio is installed
@pytest.mark.skipif(importlib.util.find_spec("pytest_asyncio") is None, reason="needs pytest-asyncio")
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio(run: Callable[..., pytest.RunResult], mode: str) -> None:
    result = run(
        """
        @pytest.mark.asyncio
        async def test_real(offhook_mock):
            callee = offhook_mock.callee().answers()
            assert await bot(callee.number) == "completed"
            await callee.afinished(timeout_s=5)

        @pytest.mark.offhook_virtual
        async def test_virtual(offhook_mock):
            assert await bot(offhook_mock.callee().answers(after_s=30).number) == "completed"
        """,
        *("--asyncio-mode", mode, "-o", "asyncio_default_fixture_loop_scope=function"),
    )
    result.assert_outcomes(passed=2)


def test_what_runs_elsewhere_is_refused_in_virtual_time(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import socket
        import subprocess
        import sys
        import threading

        pytestmark = pytest.mark.offhook_virtual

        def test_thread(offhook_mock):
            threading.Thread(target=print).start()

        def test_socket(offhook_mock):
            with socket.socket() as client:
                client.connect(("127.0.0.1", 9))

        def test_process(offhook_mock):
            subprocess.run([sys.executable, "-c", ""])

        @pytest.mark.offhook(allow=["threads", "processes"])
        def test_allowed(offhook_mock):
            thread = threading.Thread(target=offhook_mock.callee)
            threading.Thread(target=int).start()
            subprocess.run([sys.executable, "-c", ""], check=True)

        async def test_work_for_which_the_clock_is_held(offhook_mock):
            assert await asyncio.to_thread(str, 1) == "1"
            with asyncio.get_running_loop().hold():
                thread = threading.Thread(target=int)
                thread.start()
                thread.join()

        @pytest.mark.offhook(allow=["scripts_unfinished"])
        async def test_the_handle_belongs_to_the_thread_of_the_test(offhook_mock):
            with pytest.raises(CallStateError, match="cannot be used from another thread"):
                await asyncio.to_thread(offhook_mock.callee().answers)

    """)
    result.assert_outcomes(passed=3, failed=3)
    assert threading.Thread.start.__module__ == "threading"
    assert "connect" not in vars(socket.socket)
    result.stdout.fnmatch_lines(
        [
            "*NotVirtual: this test runs in virtual time and started a thread*remove the marker offhook_virtual*",
            "*NotVirtual: this test runs in virtual time and started a connection*offhook_mock.start(*",
            "*NotVirtual: this test runs in virtual time and started a child process*allow=*'processes'*",
        ]
    )


def test_the_error_of_an_application_is_raised_when_the_test_never_asks(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run("""
        async def failing():
            raise LookupError("the application's own")

        @pytest.mark.parametrize("virtual", [pytest.param(True, marks=pytest.mark.offhook_virtual), False])
        def test_unasked(offhook_mock, virtual):
            app = offhook_mock.start(failing())
            offhook_mock.sleep(0.02)
            assert app.done

        def test_asked(offhook_mock):
            with pytest.raises(LookupError):
                offhook_mock.start(failing()).result(timeout_s=5)
            with pytest.raises(LookupError):
                offhook_mock.run(failing())

        @pytest.mark.offhook_virtual
        def test_waiting(offhook_mock):
            app = offhook_mock.start(failing())
            offhook_mock.callee().answers().finished(timeout_s=1000)
    """)
    result.assert_outcomes(passed=3, errors=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*LookupError: the application's own*", "*NotFinished: finished(): +1415*0123 was not called within 1000 s*"]
    )
    result.stdout.fnmatch_lines(["*the application failing raised LookupError: the application's own*"])


def test_the_seed_of_a_test_follows_from_its_name_and_the_options(run: Callable[..., pytest.RunResult]) -> None:
    text = """
        @pytest.fixture(scope="session")
        def offhook_mock_options():
            from offhook_mockserver.testkit import MockOptions
            return MockOptions(seed=7, lines=("+18885550111",), environment={"ACME": "1"})

        @pytest.mark.parametrize("turn", [1, 2])
        @pytest.mark.offhook_virtual
        def test_virtual(offhook_mock, turn):
            assert offhook_mock.run(bot("+14155550105")) == "completed"
            assert (os.environ["ACME"], offhook_mock.line) == ("1", "+18885550111")
            print("SEED", turn, offhook_mock.seed, offhook_mock.calls[0].channel)
    """

    def seeds(*options: str) -> list[str]:
        return [line for line in run(text, "-rP", *options).outlines if line.startswith("SEED")]

    both = seeds()
    assert len({line.split()[2] for line in both}) == 2
    assert seeds("-k", "2") == both[1:]


def test_options_of_another_class_are_refused_by_name(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @pytest.fixture(scope="session")
        def offhook_mock_options():
            return {"seed": 7}

        def test_it(offhook_mock):
            pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*what the fixture offhook_mock_options returns must be MockOptions(...), got dict*")


def test_a_virtual_plain_function_needs_the_fixture(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @pytest.mark.offhook_virtual
        def test_it():
            pass
    """)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*write async def, or take the fixture offhook_mock*"])


def test_live_mode_lifts_the_guard(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "OFFHOOK_ONLY_LOOPBACK"

    def guard(*options: str) -> str | None:
        config = pytester.parseconfigure("-p", "no:hypothesispytest", *options)
        try:
            return os.environ.get(name)
        finally:
            config._ensure_unconfigure()

    monkeypatch.delenv(name)
    assert guard() == "1"
    assert name not in os.environ
    assert guard("--offhook-live") is None
    monkeypatch.setenv("OFFHOOK_LIVE", "1")
    assert guard() is None
    monkeypatch.setenv("OFFHOOK_LIVE", "0")
    assert guard() == "1"
    monkeypatch.setenv(name, "yes")
    assert guard() == "1"
    assert os.environ[name] == "yes"


def test_a_run_that_does_not_use_it_imports_nothing_of_offhook() -> None:
    code = (
        "import sys, pytest; from offhook_mock_pytest import report, strict, void; "
        "sys.exit(' '.join({name.partition('.')[0] for name in sys.modules} & "
        "{'offhook', 'offhook_mockserver', 'numpy', 'httpx', 'uvicorn', 'asyncio'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE, text=True)
    assert done.stderr == "\n" or not done.stderr


@pytest.mark.slow
def test_nothing_meets_under_xdist(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @pytest.mark.parametrize("turn", range(4))
        def test_real(offhook_mock, turn):
            callee = offhook_mock.callee("+14155550123").answers().listens(until="speech")
            assert offhook_mock.run(bot(callee.number)) == "completed"
            assert len(offhook_mock.calls) == len(callee.calls) == 1
            assert os.environ["OFFHOOK_ONLY_LOOPBACK"] == "1"
        """,
        *("-n", "2"),
        subprocess=True,
    )
    result.assert_outcomes(passed=4)


def test_warnings_of_a_failed_test_are_shown_as_those_of_any_other(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        import warnings

        both = pytest.mark.parametrize("virtual", [pytest.param(True, marks=pytest.mark.offhook_virtual), False])

        @both
        def test_own(offhook_mock, virtual):
            warnings.warn("mine")
            assert 0

        @both
        def test_forgot_to_start(offhook_mock, virtual):
            bot("+14155550123")
            assert 0

        @both
        def test_forgot_a_wait_of_the_kit(offhook_mock, virtual):
            offhook_mock.asleep(1)
            assert 0

        @both
        def test_skipped(offhook_mock, virtual):
            warnings.warn("before the skip")
            pytest.skip()
        """,
        "-W",
        "default",
    )
    result.assert_outcomes(failed=6, skipped=2, warnings=8)
    summary = str(result.stdout).partition("warnings summary")[2]
    for says in (
        "UserWarning: mine",
        "coroutine 'bot' was never awaited",
        "asleep' was never awaited",
        "before the skip",
    ):
        assert says in summary
