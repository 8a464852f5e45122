"""Void runs: a failure says nothing if the mock's loop stood still, so the test is repeated.

A test in real time that failed while the mock's loop had stood still for more than 10 ms during a call is run again,
twice at most. If each run was void, the test counts as ``void``: neither passed nor failed.

A run is not void if time cannot explain its failure: its answer is about what was heard alone, or off by more than the
loop stood still in all, or an application raised an error that is not a timeout. If all three runs failed alike, in the
same line and with about the same figures if there are any, the test has failed, however busy the machine was: see
`void_runs`.

A session in which tests are void, and none failed, ends with exit status 75, after which a CI job can be
repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from offhook_mock_pytest.void_runs import VoidRun, failure_of, off_by_s, run_line, time_explains, why_failed, why_void

if TYPE_CHECKING:
    from offhook_mock_pytest.strict import Watch

#: EX_TEMPFAIL of sysexits.h: the caller is invited to try again.
EXIT_VOID: Final = 75
#: How often a test is run at most.
_MOST_RUNS: Final = 3
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
    voids: list[VoidRun] = []
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
    if not failed and voids and len(voids) == runs:
        why = why_failed(voids) if runs == _MOST_RUNS else ""
        for report in reports:
            if not hasattr(report, _FIGURE):
                continue
            if why:
                _fail_again(report, voids[-1], why)
            else:
                lines = [why_void(voids, runs < _MOST_RUNS), *_numbered(voids)]
                setattr(report, _FAILURE, [*lines, "the last run, as pytest shows it:", *getattr(report, _FAILURE)])
    for report in reports:
        if runs > 1 and report.when == "call":
            setattr(report, _RUNS, runs)
    return reports


def _numbered(voids: list[VoidRun]) -> list[str]:
    """One line for each run."""
    return [f"run {number}: {void.line}" for number, void in enumerate(voids, 1)]


#: Where the present run of a test says that it is void.
_VOID: Final = pytest.StashKey["VoidRun | None"]()


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
    stall, explained = handle.lag.worst(watch.since_s), time_explains(handle, error)
    if stall is None or explained is False:
        return
    from offhook.plugin import line_of

    off_s, stood_s = off_by_s(handle, error), handle.lag.stood_still_s(watch.since_s)
    if off_s is not None and off_s > stood_s:
        watch.story += (
            f"\nThis run is not void: the mock's loop stood still for {stood_s:.2f} s in all, which does not explain "
            f"{off_s:.2f} s."
        )
        return
    failure = failure_of(handle, error, explained=explained, idle_s=idle_s, stood_s=stood_s)
    line = run_line(error, item.path, failure, stood_s, stall.took_s)
    item.stash[_VOID] = VoidRun(line_of(error), failure, stood_s, line, report.longrepr)
    setattr(report, _FAILURE, report.longreprtext.splitlines()[-_MOST_LINES:])
    path, number, _ = report.location
    report.outcome = "skipped"
    report.longrepr = (path, (number or 0) + 1, f"VOID: {stall.text}")
    setattr(report, _FIGURE, stall.text)


def _fail_again(report: pytest.TestReport, void: VoidRun, why: str) -> None:
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
