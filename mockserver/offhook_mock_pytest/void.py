"""Void runs: a failure says nothing if the mock's loop stood still, so the test is repeated.

A test in real time that failed while the mock's loop had stood still for more than 10 ms during a call is run again,
twice at most. If each run was void, the test counts as ``void``: neither passed nor failed.

A run is not void if time cannot explain its failure: its answer is about what was heard alone, or off by more than the
loop stood still in all, or an application raised an error that is not a timeout. If all three runs failed in the same
line, and off by about as much, the test has failed, however busy the machine was; so has one that failed in the same
line with the same error, if nothing says that this error is about time.

A session in which tests are void, and none failed, ends with exit status 75, after which a CI job can be
repeated.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from offhook_mock_pytest.strict import Watch
    from offhook_mockserver.testkit import MockHandle

#: EX_TEMPFAIL of sysexits.h: the caller is invited to try again.
EXIT_VOID: Final = 75
#: How often a test is run at most.
_MOST_RUNS: Final = 3
#: Three runs are off by about as much if their figures differ by at most this share of the largest, or this much.
_SAME: Final = 0.2
_LEAST_DIFFERENCE_S: Final = 0.01
#: A wait that gave up earlier after the last event may have been about to end.
_LEAST_IDLE_S: Final = 1.0
#: What is added to reports; it crosses pytest-xdist.
_FIGURE: Final = "offhook_void"
_FAILURE: Final = "offhook_void_failure"
_RUNS: Final = "offhook_runs"
_OPTION: Final = "offhook_void"
#: The name that pytest-rerunfailures has as a plugin.
_RERUNS: Final = "rerunfailures"
#: How many of the last lines of pytest's own report are shown, with the assertion that failed.
_MOST_LINES: Final = 40


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts void tests."""
    parser.getgroup("offhook").addoption(
        "--offhook-void",
        dest=_OPTION,
        choices=("fail", "pass"),
        default="fail",
        help=f"whether a session with void tests and no failure ends with exit status {EXIT_VOID} or 0 (default: fail)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count void tests where reports are collected."""
    config.pluginmanager.register(_Counts(config), "offhook_mock_void_counts")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run a test of the fixture again while its runs are void, and report the last run alone."""
    if "offhook_mock" not in getattr(item, "fixturenames", ()) or item.get_closest_marker("offhook_virtual"):
        return None
    reruns: Any = item.config.pluginmanager.get_plugin(_RERUNS)
    if reruns is not None and reruns.get_reruns_count(item) is not None:
        return _run_with(reruns, item, nextitem)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _run(item, nextitem=nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _run_with(reruns: Any, item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Let pytest-rerunfailures run a test, and repeat each of its runs while that is void.

    Only one plugin can carry out the protocol of a test, and that one would run each test with pytest's own function.
    """
    before, reruns.runtestprotocol = reruns.runtestprotocol, _run
    try:
        return reruns.pytest_runtest_protocol(item=item, nextitem=nextitem)
    finally:
        reruns.runtestprotocol = before


def _run(item: pytest.Item, log: bool = False, nextitem: pytest.Item | None = None) -> list[pytest.TestReport]:
    """Run a test while its runs are void, three times at most, and return the reports of the last run.

    Args:
        item: the test.
        log: False; pytest's own function, in whose place this is called, can report each phase when it ends.
        nextitem: the test that follows.
    """
    # The module is private, and the plugins that repeat tests use this function: pytest has no public one.
    from _pytest.runner import runtestprotocol

    runs = 0
    voids: list[_Void] = []
    while True:
        runs += 1
        item.stash[_VOID] = None
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        void = item.stash[_VOID]
        if void is not None:
            voids.append(void)
        failed = any(report.failed for report in reports)
        if void is None or failed or runs == _MOST_RUNS or item.session.shouldstop:
            break
    if not failed and len(voids) == _MOST_RUNS and (same := _same_each_time(voids)):
        for report in reports:
            if hasattr(report, _FIGURE):
                _fail_again(report, voids[-1], same)
    for report in reports:
        if runs > 1 and report.when == "call":
            setattr(report, _RUNS, runs)
    return reports


@dataclass(frozen=True, slots=True)
class _Void:
    """A void run.

    Attributes:
        place: the line that failed.
        off_by_s: by how much, in seconds; None if no figure says that.
        other: the class of an error of which nothing says whether it is about time; empty for other errors.
        stood_still_s: how long the mock's loop stood still, in all.
        longrepr: the failure, as its report had it.
    """

    place: str
    off_by_s: float | None
    other: str
    stood_still_s: float
    longrepr: object


#: Where the present run of a test says that it is void.
_VOID: Final = pytest.StashKey["_Void | None"]()


def mark_if_void(
    item: pytest.Item, watch: Watch, error: BaseException, report: pytest.TestReport, idle_s: float
) -> None:
    """Make a failed report void if time may explain its failure and the mock's loop stood still during a call.

    Args:
        item: the test.
        watch: what is known of it.
        error: what it failed with.
        report: its report.
        idle_s: for how long nothing had happened in the mock when it failed, in seconds.
    """
    handle = watch.handle
    if handle is None or handle.lag is None or report.when != "call":
        return
    stall, explained = handle.lag.worst(watch.since_s), _time_explains(handle, error)
    if stall is None or explained is False:
        return
    from offhook.plugin import line_of
    from offhook.wording import describe

    off_by_s, stood_s = _off_by_s(handle, error), handle.lag.stood_still_s(watch.since_s)
    if off_by_s is not None and off_by_s > stood_s:
        watch.story += (
            f"\nThis run is not void: the mock's loop stood still for {stood_s:.2f} s in all, which does not explain "
            f"{off_by_s:.2f} s."
        )
        return
    if off_by_s is None:
        off_by_s = _long_idle_s(error, idle_s, stood_s)
    other = "" if explained else type(error).__name__
    item.stash[_VOID] = _Void(line_of(error), off_by_s, other, stood_s, report.longrepr)
    failed_at = _place_of(error, item.path)
    shown = report.longreprtext.splitlines()[-_MOST_LINES:]
    path, line, _ = report.location
    report.outcome = "skipped"
    report.longrepr = (path, (line or 0) + 1, f"VOID: {stall.text}")
    setattr(report, _FIGURE, stall.text)
    setattr(report, _FAILURE, [f"its last run failed{failed_at}, for whatever reason, with {describe(error)}", *shown])


def _place_of(error: BaseException, file: Path) -> str:
    """The line of the test's file that failed; empty if none did."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(file)]
    return f" at {file.name}:{lines[-1]}" if lines else ""


def _time_explains(handle: MockHandle, error: BaseException) -> bool | None:
    """Whether a busy machine can have caused an error; None if nothing says it.

    It explains timeouts and assertions about audio in time. It does not explain an assertion about what was heard
    alone, a script that failed, or any other error that an application raised.
    """
    from offhook_mockserver.testkit.timeouts import is_timeout

    raised = [started.error for started in handle.failed_applications() if started.error is not None]
    if not all(map(is_timeout, raised)):
        return False
    if is_timeout(error):
        return bool(getattr(error, "about_time", True))
    verdicts = handle.verdicts.behind(error)
    return any(verdict.about_time for verdict in verdicts) if verdicts else None


def _off_by_s(handle: MockHandle, error: BaseException) -> float | None:
    """By how much the answers of a failed assertion missed their limits, at least; None if one does not say that."""
    about_time = [verdict for verdict in handle.verdicts.behind(error) if verdict.about_time]
    wrong = [verdict.off_by_s for verdict in about_time if not verdict.passed] or [None]
    figures = [figure for figure in wrong if figure is not None]
    return min(figures) if len(figures) == len(wrong) else None


def _long_idle_s(error: BaseException, idle_s: float, stood_s: float) -> float | None:
    """For how long nothing had happened when a wait gave up, if that is far longer than the loop stood still."""
    from offhook_mockserver.testkit.timeouts import is_timeout

    return idle_s if is_timeout(error) and idle_s > max(_LEAST_IDLE_S, stood_s) else None


def _same_each_time(voids: Sequence[_Void]) -> str:
    """What void runs have in common, for people, if they failed alike; or empty.

    That is in the same line, and off by about as much, or with the same error if nothing says that it is about time.
    """
    place, stood = voids[0].place, ", ".join(f"{void.stood_still_s:.2f}" for void in voids)
    if len({(void.place, void.other) for void in voids}) > 1:
        return ""
    so = (
        f"The mock's loop stood still for {stood} s in all. A busy machine does not do the same three times, so the "
        "test has failed."
    )
    if voids[0].other:
        return f"Each of {len(voids)} runs failed at {place}, with {voids[0].other}. {so}"
    figures = [void.off_by_s for void in voids if void.off_by_s is not None]
    if len(figures) < len(voids) or max(figures) - min(figures) > max(_LEAST_DIFFERENCE_S, _SAME * max(figures)):
        return ""
    off = ", ".join(f"{figure:.2f}" for figure in figures)
    return f"Each of {len(voids)} runs failed at {place}, off by about as much: {off} s. {so}"


def _fail_again(report: pytest.TestReport, void: _Void, why: str) -> None:
    """Make the report of a void run that of a failure again."""
    report.outcome = "failed"
    report.longrepr = void.longrepr  # type: ignore[assignment]  # it is what this report had
    delattr(report, _FIGURE)
    delattr(report, _FAILURE)
    report.sections.append(("offhook: not void", why))


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> object:
    """Show a void run as such."""
    if hasattr(report, _FIGURE):
        return "void", "V", ("VOID", {"yellow": True})
    return None


class _Counts:
    """Counts void and repeated tests, in the process that shows the results."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._void: list[pytest.TestReport] = []
        self._repeated: list[tuple[str, int]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        runs: int = getattr(report, _RUNS, 1)
        if hasattr(report, _FIGURE):
            self._void.append(report)
        elif runs > 1:
            self._repeated.append((report.nodeid, runs))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._void and exitstatus == pytest.ExitCode.OK and self._config.getoption(_OPTION) == "fail":
            session.exitstatus = EXIT_VOID

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._void and not self._repeated:
            return
        terminalreporter.section("offhook: runs that say nothing about the application", yellow=True)
        for report in self._void:
            runs: int = getattr(report, _RUNS, 1)
            terminalreporter.line(f"VOID {report.nodeid}: {getattr(report, _FIGURE)}; run {runs} times")
            for line in getattr(report, _FAILURE):
                terminalreporter.line(f"  {line}".rstrip())
            for title, text in report.sections:
                terminalreporter.write_sep("-", title)
                terminalreporter.line(text)
        for nodeid, runs in self._repeated:
            terminalreporter.line(f"repeated {nodeid}: run {runs} times, the earlier ones were void")
