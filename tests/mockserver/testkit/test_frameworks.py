"""The fixture in other frameworks and with unusual tests: what cannot work is refused, and never passes unnoticed."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

QUIET = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--offhook-artifacts=off", "--strict-markers")
HEAD = """
    import asyncio
    import multiprocessing
    import os
    import threading
    import unittest

    import pytest

    from offhook import Phone
    from offhook.errors import CallStateError, ConfigError, OffhookError

    virtual = pytest.mark.offhook_virtual

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
        result = start(*QUIET, *options)
        assert isinstance(result, pytest.RunResult)
        return result

    return run


def test_a_phone_on_another_loop_is_not_in_virtual_time(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @virtual
        def test_asyncio_run(offhook_mock):
            asyncio.run(bot(offhook_mock.callee().number))

        @virtual
        @pytest.mark.anyio
        async def test_anyio(offhook_mock):
            await bot(offhook_mock.callee().number)

        @virtual
        def test_a_phone_that_was_made_before(offhook_mock):
            phone = offhook_mock.phone()

            async def main():
                async with phone.dial("+14155550123"):
                    pass

            try:
                asyncio.run(main())
            finally:
                offhook_mock.run(phone.aclose())

        @virtual
        class TestIt(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def _mock(self, offhook_mock):
                self.mock = offhook_mock

            async def test_it(self):
                await bot(self.mock.callee().number)

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            *["*NotVirtual: this test runs in virtual time, and its phone is used on another event loop*"] * 3,
            "*NotVirtual: this test runs in virtual time and started a connection*",
        ]
    )


def test_what_starts_a_process_is_refused(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        pytestmark = virtual

        @pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
        def test_multiprocessing(offhook_mock, method):
            multiprocessing.get_context(method).Process(target=print).start()

        def test_system(offhook_mock):
            os.system("true")

        def test_posix_spawn(offhook_mock):
            os.posix_spawn("/bin/true", ["true"], {})

        def test_fork(offhook_mock):
            if os.fork() == 0:
                os._exit(0)

        def test_pty(offhook_mock):
            import pty
            if pty.fork()[0] == 0:
                os._exit(0)

        @pytest.mark.offhook(allow=["processes"])
        def test_allowed(offhook_mock):
            assert os.system("true") == 0
    """)
    result.assert_outcomes(passed=1, failed=7)
    result.stdout.fnmatch_lines(["*NotVirtual: this test runs in virtual time and started a child process*"] * 7)


def test_a_refusal_that_the_application_swallowed_is_reported(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @virtual
        def test_it(offhook_mock):
            try:
                threading.Thread(target=print).start()
            except Exception:
                pass

        @virtual
        def test_the_application_ended_with_it(offhook_mock):
            async def app():
                threading.Thread(target=print).start()

            with pytest.raises(CallStateError):
                offhook_mock.run(app())

        @virtual
        @pytest.mark.offhook(allow=["refused"])
        def test_the_test_asked_for_it(offhook_mock):
            with pytest.raises(CallStateError):
                threading.Thread(target=print).start()
    """)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines("*started a thread*(refused)*")


def test_no_test_rings_a_person(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import subprocess
        import sys
        from unittest.mock import patch

        ELSEWHERE = {
            "SENDBLUE_API_BASE_URL": "https://api.invalid",
            "SENDBLUE_API_API_KEY": "a-key",
            "SENDBLUE_API_API_SECRET": "a-secret",
            "OFFHOOK_FROM_NUMBER": "+18885550100",
            "OFFHOOK_STORE": "none",
            "OFFHOOK_TRANSPORT": "aiortc",
            "OFFHOOK_RELAY_URL": "http://127.0.0.1:9",
        }

        def refused(outcome):
            with pytest.raises(ConfigError, match="would call through 'https://api.invalid'"):
                asyncio.run(bot("+14155550123"))
            outcome.append(True)

        def test_a_cleared_environment(monkeypatch):
            with patch.dict(os.environ, ELSEWHERE, clear=True):
                refused([])

        def test_an_application_in_another_thread(monkeypatch):
            monkeypatch.delenv("OFFHOOK_ONLY_LOOPBACK")
            for name, value in ELSEWHERE.items():
                monkeypatch.setenv(name, value)
            outcome = []
            thread = threading.Thread(target=refused, args=(outcome,))
            thread.start()
            thread.join()
            assert outcome == [True]

        def test_a_program_with_the_mocks_environment_alone(offhook_mock):
            assert offhook_mock.environment["OFFHOOK_ONLY_LOOPBACK"] == "1"
    """)
    result.assert_outcomes(passed=3)


def test_live_mode_is_announced_and_spelt_in_one_of_three_ways(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile("def test_it(): pass")
    said = "offhook: LIVE, phones may ring people"
    lines = [*QUIET, "-v"]
    assert str(pytester.runpytest_inprocess(*lines).stdout).count(said) == 0
    assert str(pytester.runpytest_inprocess(*lines, "--offhook-live").stdout).count(said) == 2
    monkeypatch.setenv("OFFHOOK_LIVE", "True")
    assert str(pytester.runpytest_inprocess("-q", *QUIET).stdout).count(said) == 1
    monkeypatch.setenv("OFFHOOK_LIVE", "no")
    assert str(pytester.runpytest_inprocess(*lines).stdout).count(said) == 0
    monkeypatch.setenv("OFFHOOK_LIVE", "perhaps")
    result = pytester.runpytest_inprocess(*lines)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*OFFHOOK_LIVE is 'perhaps'*1, true or yes*")


def test_an_exception_that_was_never_retrieved_is_found(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        async def boom():
            raise KeyError("lost")

        async def spawn():
            task = asyncio.create_task(boom(), name="poller")
            await asyncio.sleep(0.01)

        @virtual
        def test_run(offhook_mock):
            offhook_mock.run(spawn())

        @virtual
        async def test_async(offhook_mock):
            await spawn()

        def test_real(offhook_mock):
            offhook_mock.run(spawn())

        @virtual
        @pytest.mark.offhook(allow=["exceptions"])
        def test_allowed(offhook_mock):
            offhook_mock.run(spawn())
    """)
    result.assert_outcomes(passed=4, errors=3)
    result.stdout.fnmatch_lines(["*of task poller, running boom*KeyError: 'lost'*boom* (exceptions)"] * 3)


def test_a_test_that_was_interrupted_is_not_checked(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @virtual
        def test_it(offhook_mock):
            callee = offhook_mock.callee().answers().waits(100)
            offhook_mock.start(bot(callee.number))
            callee.answered()
            raise KeyboardInterrupt
        """,
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines("*no tests ran*")
    assert "left this behind" not in str(result.stdout) + str(result.stderr)


def test_errors_name_what_the_test_wrote(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @virtual
        async def test_run_in_a_coroutine(offhook_mock):
            with pytest.raises(CallStateError, match=r"^offhook_mock\\.run\\(\\) blocks.*await offhook_mock\\.arun\\("):
                offhook_mock.run(bot("+14155550123"))

        @virtual
        def test_a_function(offhook_mock):
            with pytest.raises(ConfigError, match=r"^run\\(\\) must be a coroutine.*offhook_mock\\.run\\("):
                offhook_mock.run(bot)
            with pytest.raises(ConfigError, match=r"^start\\(\\) must be a coroutine.*offhook_mock\\.start\\("):
                offhook_mock.start(bot)

        @virtual
        async def test_a_function_in_a_coroutine(offhook_mock):
            with pytest.raises(ConfigError, match=r"^arun\\(\\) must be a coroutine.*offhook_mock\\.arun\\("):
                await offhook_mock.arun(bot)
    """)
    result.assert_outcomes(passed=3)


def test_a_forgotten_await_fails_the_test(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @virtual
        async def test_it(offhook_mock):
            offhook_mock.callee().afinished()

        @virtual
        async def test_awaited(offhook_mock):
            callee = offhook_mock.callee().answers()
            await offhook_mock.arun(bot(callee.number))
            await callee.afinished()
    """,
        *("-W", "default"),
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*CalleeHandle.afinished was called, and not awaited: write `await*")


def test_the_fixture_can_be_requested_in_the_test(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        @virtual
        def test_it(request):
            mock = request.getfixturevalue("offhook_mock")
            assert mock.run(bot(mock.callee().answers().number)) == "completed"

        @virtual
        def test_without(request):
            pass

        @pytest.fixture(scope="module")
        def wider(offhook_mock):
            return offhook_mock

        def test_wider(wider):
            pass
    """)
    result.assert_outcomes(passed=1, errors=1, failed=1)
    result.stdout.fnmatch_lines(["*ScopeMismatch*", "*write async def, or take the fixture offhook_mock*"])


def test_a_phone_without_asyncio_or_without_settings_says_what_to_do(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import trio

        def test_trio(offhook_mock):
            with pytest.raises(CallStateError, match="in a program of trio, run the calls with asyncio.run"):
                trio.run(bot, offhook_mock.callee().number)

            async def main():
                async with phone:
                    pass

            phone = Phone.from_env()
            with pytest.raises(CallStateError, match="in a program of trio"):
                trio.run(main)
            asyncio.run(phone.aclose())

        def test_no_settings():
            with pytest.raises(ConfigError, match="in a test, take the fixture offhook_mock"):
                asyncio.run(bot("+14155550123"))
    """)
    result.assert_outcomes(passed=2)


def test_an_application_that_dials_too_late_is_named(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        async def late(number):
            await asyncio.sleep(1000)
            await bot(number)

        @virtual
        def test_it(offhook_mock):
            offhook_mock.start(late(offhook_mock.callee().answers().number))
    """)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*the test ended before the application late dialled it. Wait for it*")


def test_a_route_that_is_documented_and_not_mocked_says_so(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import httpx

        def test_it(offhook_mock):
            keys = {"sb-api-key-id": offhook_mock.key_id, "sb-api-secret-key": offhook_mock.secret_key}
            answer = httpx.post(f"{offhook_mock.url}/account/lines/add-line", json={}, headers=keys)
            assert "nearest" not in answer.text
            assert "which is documented, but not mocked" in answer.text
    """)
    result.assert_outcomes(passed=1, errors=1)


def test_junit_and_pdb_have_the_report(run: Callable[..., pytest.RunResult], pytester: pytest.Pytester) -> None:
    text = """
        @virtual
        def test_it(offhook_mock):
            callee = offhook_mock.callee().answers(after_s=1).hangs_up()
            offhook_mock.run(bot(callee.number))
            assert callee.heard.has_tone(880)
    """
    options = ("--offhook-artifacts=on", "--offhook-artifacts-dir=kept")
    run(text, *options, "--junitxml=it.xml").assert_outcomes(failed=1)
    written = (pytester.path / "it.xml").read_text()
    assert '<property name="offhook_folder" value=' in written
    assert '<property name="offhook_report" value=' in written
    result = pytester.run(*(sys.executable, "-m", "pytest", *QUIET, *options, "--pdb"), stdin=b"q\n")
    shown = str(result.stdout)
    assert 0 < shown.find("offhook: what happened") < shown.find("(Pdb)"), shown
