"""Runs in which the mock's loop stood still: repeated, then void, and never the application's failure."""

from __future__ import annotations

import importlib.util

import pytest

from offhook_mock_pytest.void import EXIT_VOID

pytest_plugins = ["pytester"]

#: The stalls are chosen: a machine that is busy would add its own. What measures them is tested in test_lag.
CONFTEST = """
import pytest

from offhook_mockserver.testkit.lag import Stall

RUNS = []


class ChosenStalls:
    def __init__(self, stalls):
        self.stalls = stalls

    def now_s(self):
        return 0.0

    def worst(self, since_s):
        return Stall(1.0, 0.034, 0.0) if self.stalls else None

    def stood_still_s(self, since_s):
        return 0.068


@pytest.fixture
def runs(request):
    RUNS.append(request.node.name)
    return RUNS.count(request.node.name)


@pytest.fixture
def stall(offhook_mock):
    def stall(happened=True):
        offhook_mock.lag = ChosenStalls(happened)

    return stall
"""

TESTS = """
import asyncio
import subprocess
import unittest

import pytest
from conftest import RUNS

from offhook.testing.audio import Verdict
from offhook.testing.audio.verdict import Figure, Finding
from offhook_mockserver.testkit import NotFinished


def answer(mock, passed, about_time, off_by_s=None, question="silence_after(1)"):
    finding = Finding(passed, "silence", "speech", "the app", about_time, off_by_s)
    return Verdict(question, finding, mock.verdicts.add)


def figure(value):
    return Figure("talk_over_s", f"{value:.2f} s", ())


def test_explained(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, True, off_by_s=0.06 / runs)


def test_not_explained(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, True, off_by_s=0.3)


def test_same_each_time(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, True, off_by_s=0.05 + runs / 1000)


def test_same_figure_elsewhere(offhook_mock, runs, stall):
    stall()
    assert runs == 1 or answer(offhook_mock, False, True, off_by_s=0.05)
    assert answer(offhook_mock, False, True, off_by_s=0.05)


def test_wait(offhook_mock, runs, stall):
    stall()
    offhook_mock.callee().finished(timeout_s=0)


def test_verdict(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, about_time=True)


def test_other_verdict(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, about_time=True, question=f"asked_{'ab'[runs % 2]}(1)")


def test_same_figure(offhook_mock, runs, stall):
    stall()
    assert offhook_mock.verdicts.add(figure(0.4 + runs / 100))


def test_other_figure(offhook_mock, runs, stall):
    stall()
    assert offhook_mock.verdicts.add(figure(0.4 * runs))


def over(text):
    return NotFinished("finished(): the caller hung up", over=text)


def test_over(offhook_mock, runs, stall):
    stall()
    raise over("caller_left in step 4 of the script")


def test_over_elsewhere(offhook_mock, runs, stall):
    stall()
    raise over(f"caller_left in step {runs} of the script")


def test_first_run_alone(offhook_mock, runs, stall):
    stall(runs == 1)
    assert runs == 2 or answer(offhook_mock, False, about_time=True)


def test_quiet_machine(offhook_mock, runs, stall):
    stall(False)
    assert answer(offhook_mock, False, about_time=True)


def test_not_about_time(offhook_mock, runs, stall):
    stall()
    assert answer(offhook_mock, False, about_time=False)


def test_something_else(offhook_mock, runs, stall):
    stall()
    assert not answer(offhook_mock, False, about_time=True)
    assert runs == 0


class ReadTimeout(Exception):  # as httpx has it
    pass


@pytest.mark.parametrize(
    "error",
    [subprocess.TimeoutExpired("app", 5), TimeoutError(), ReadTimeout(), ExceptionGroup("", [TimeoutError()])],
    ids=["process", "python", "library", "group"],
)
def test_time(offhook_mock, runs, stall, error):
    stall()
    raise error


def test_run(offhook_mock, runs, stall):
    stall()
    offhook_mock.run(asyncio.sleep(10), timeout_s=0)


def test_asked(offhook_mock, runs, stall):
    stall()
    offhook_mock.run(late())


def test_hangs(offhook_mock, runs, stall):
    stall()
    offhook_mock.clock.advance(1)  # which is the last entry of the journal
    offhook_mock.tenant.clock._ahead_s += 10 + runs / 10
    raise subprocess.TimeoutExpired("app", 5)


def test_any_error_once(offhook_mock, runs, stall):
    stall()
    if runs == 1:
        [][0]


def test_any_error_elsewhere(offhook_mock, runs, stall):
    stall()
    if runs == 1:
        [][0]
    [][1]


async def late():
    raise TimeoutError


def test_late_application(offhook_mock, runs, stall):
    stall()
    started = offhook_mock.start(late())
    offhook_mock.callee().finished(timeout_s=1)


async def failing():
    raise ValueError("of the application")


def test_application(offhook_mock, runs, stall):
    stall()
    started = offhook_mock.start(failing())
    while not started.done:
        offhook_mock.sleep(0.01)
    assert answer(offhook_mock, False, about_time=True)


@pytest.mark.offhook_virtual
def test_virtual(offhook_mock, runs):
    assert answer(offhook_mock, False, about_time=True)


@pytest.mark.usefixtures("offhook_mock", "stall", "runs")
class TestOfUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def stalled(self, stall):
        stall()

    def test_method(self):
        self.assertTrue(answer(self.offhook_mock, False, about_time=True))


def test_runs():
    counts = {name: RUNS.count(name) for name in RUNS}
    repeated = {name for name, count in counts.items() if count == 2}
    assert repeated == {"test_first_run_alone", "test_any_error_once"}
    once = {name for name, count in counts.items() if count == 1}
    not_void = ["application", "not_about_time", "not_explained", "quiet_machine", "virtual"]
    assert sorted(once) == [f"test_{name}" for name in not_void]
    assert max(counts.values()) == 3
"""


def test_a_failure_about_time_is_void_after_three_runs_in_which_the_loop_stood_still(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=TESTS)
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--offhook-artifacts=off", "-v", "--tb=short"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_explained VOID*",
            "test_it.py::test_not_explained FAILED*",
            "test_it.py::test_same_each_time FAILED*",
            "test_it.py::test_same_figure_elsewhere VOID*",
            "test_it.py::test_wait VOID*",
            "test_it.py::test_verdict FAILED*",
            "test_it.py::test_other_verdict VOID*",
            "test_it.py::test_same_figure FAILED*",
            "test_it.py::test_other_figure VOID*",
            "test_it.py::test_over FAILED*",
            "test_it.py::test_over_elsewhere VOID*",
            "test_it.py::test_first_run_alone PASSED*",
            "test_it.py::test_quiet_machine FAILED*",
            "test_it.py::test_not_about_time FAILED*",
            "test_it.py::test_something_else FAILED*",
            "test_it.py::test_time?process? VOID*",
            "test_it.py::test_time?python? VOID*",
            "test_it.py::test_time?library? VOID*",
            "test_it.py::test_time?group? VOID*",
            "test_it.py::test_run VOID*",
            "test_it.py::test_asked VOID*",
            "test_it.py::test_hangs FAILED*",
            "test_it.py::test_any_error_once PASSED*",
            "test_it.py::test_any_error_elsewhere VOID*",
            "test_it.py::test_late_application VOID*",
            "test_it.py::test_application FAILED*",
            "test_it.py::test_virtual FAILED*",
            "test_it.py::TestOfUnittest::test_method FAILED*",
            "test_it.py::test_runs PASSED*",
            "This run is not void: the mock's loop stood still for 0.07 s in all, which does not explain 0.30 s.",
            "*offhook: not void*",
            "Each of 3 runs failed at test_it.py:* in test_same_each_time, off by about as much: 0.05, 0.05, 0.05 s. *",
            "Each of 3 runs failed at test_it.py:* in test_verdict, with silence_after is false. *",
            "Each of 3 runs failed at test_it.py:* in test_same_figure, *talk_over_s is # s, *: 0.41, 0.42, 0.43 s*",
            "Each of 3 runs failed at test_it.py:* in test_over, with caller_left in step 4 of the script. *",
            "Each of 3 runs failed at test_it.py:* in test_something_else, with AssertionError. *",
            "Each of 3 runs failed at test_it.py:* in test_hangs, with nothing happened, *: 1?.*, 1?.*, 1?.* s. *",
            "*offhook: runs that say nothing about the application*",
            "VOID test_it.py::test_explained: the mock's loop stood still for 34 ms (the machine*); run 3 times",
            "  void: time may explain each failure*not alike: they are off by different figures, 0.06, 0.03, 0.02 s",
            "  run 1: test_it.py:*: AssertionError: *; off by 0.06 s; *stood still for 0.07 s in all, 34 ms at most",
            "  run 2: test_it.py:*: AssertionError: *; off by 0.03 s; *",
            "  run 3: test_it.py:*: AssertionError: *; off by 0.02 s; *",
            "  the last run, as pytest shows it:",
            "VOID test_it.py::test_same_figure_elsewhere: *",
            "  void: *: they failed in different lines",
            "VOID test_it.py::test_wait: *",
            "  void: *: nothing tells one timeout from another, unless nothing had happened for more than a second",
            "  run 3: test_it.py:*: NotFinished: finished(): * was not called within 0 s; *",
            "VOID test_it.py::test_other_verdict: *",
            "  void: *: they failed with different errors, answers or steps",
            "asked_b(1) is false",
            "  expected: silence",
            "VOID test_it.py::test_other_figure: *",
            "  void: *: they are about different figures, 0.40, 0.80, 1.20 s",
            "repeated test_it.py::test_first_run_alone: run 2 times*",
            "repeated test_it.py::test_any_error_once: run 2 times*",
        ]
    )


@pytest.mark.parametrize(("option", "status"), [("--offhook-void=fail", EXIT_VOID), ("--offhook-void=pass", 0)])
def test_a_session_with_nothing_worse_than_void_tests_has_a_status_of_its_own(
    pytester: pytest.Pytester, option: str, status: int
) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=TESTS)
    arguments = (
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "--offhook-artifacts=off",
        "-k",
        "test_wait",
        "--junitxml=report.xml",
    )
    result = pytester.runpytest_inprocess(*arguments, option)
    assert result.ret == status
    result.stdout.fnmatch_lines(["VOID test_it.py::test_wait: *; run 3 times", "*1 void*"])
    assert "<skipped" in (pytester.path / "report.xml").read_text(encoding="utf-8")


def test_reports_cross_xdist(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=TESTS)
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-n1", "-k", "test_wait or test_quiet"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*offhook: what happened*",
            "silence_after(1) is false",
            "Real time, seed *",
            "Timeline, journal*: *offhook-artifacts/*/test_it-test_quiet_machine-*",
            "VOID test_it.py::test_wait: *; run 3 times",
            "  run 3: test_it.py:*: NotFinished: finished(): *",
            "  >       offhook_mock.callee().finished(timeout_s=0)",
            "  E *finished(): *was not called within 0 s",
            "*offhook: what happened*",
            "Beware: the mock's loop stood still for 34 ms *",
            "*1 failed, 1 void*",
        ]
    )


#: What the kit uses of pytest-rerunfailures, which runs a failed test again, twice here. The project does not install
#: it, since every run of pytest would load it.
RERUNS = """
from _pytest.runner import runtestprotocol


def get_reruns_count(item):
    return 2


def pytest_runtest_protocol(item, nextitem):
    for attempt in range(3):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = any(report.failed for report in reports)
        for report in reports:
            if report.failed and attempt < 2:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not failed:
            break
    return True


def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", ("RERUN", {"yellow": True})
"""


def test_a_plugin_that_runs_failed_tests_again_does_so_and_its_runs_may_be_void(pytester: pytest.Pytester) -> None:
    real = importlib.util.find_spec("pytest_rerunfailures") is not None
    hook = (
        "import reruns\n\n\ndef pytest_configure(config):\n    config.pluginmanager.register(reruns, 'rerunfailures')\n"
    )
    pytester.makeconftest(CONFTEST if real else f"{CONFTEST}\n\n{hook}")
    pytester.makepyfile(test_it=TESTS, reruns=RERUNS)
    options = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--offhook-artifacts=off"]
    chosen = "test_first_run_alone or test_other_verdict or test_quiet_machine or test_something_else"
    result = pytester.runpytest_inprocess(*options, *(["--reruns=2"] if real else []), "-k", chosen)
    result.stdout.fnmatch_lines(
        [
            "VOID test_it.py::test_other_verdict: *; run 3 times",
            "repeated test_it.py::test_first_run_alone: run 2 times*",
            "*2 failed, 1 passed, * 1 void, 4 rerun*",
        ]
    )
