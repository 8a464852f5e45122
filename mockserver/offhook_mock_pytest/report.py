"""The report of a failed test: what happened in its calls, in the terminal, and a folder with the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from offhook_mock_pytest.brief import shorten_summary, shorten_verdicts
from offhook_mock_pytest.folders import FOLDER, MODE, record, report_failed
from offhook_mock_pytest.strict import WATCH
from offhook_mock_pytest.void import mark_if_void

if TYPE_CHECKING:
    from collections.abc import Generator

TITLE: Final = "offhook: what happened"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for artefacts."""
    group = parser.getgroup("offhook")
    group.addoption(
        "--offhook-artifacts",
        dest=MODE,
        choices=("on", "off", "retain-on-failure"),
        default="retain-on-failure",
        help="for which tests with offhook_mock a folder is written, with the timeline, the journal and the audio of "
        "their calls (default: retain-on-failure)",
    )
    group.addoption(
        "--offhook-artifacts-dir",
        dest=FOLDER,
        metavar="DIR",
        default=None,
        help="where these folders are made (default: offhook-artifacts in the root folder of the tests, for the last 3 "
        "sessions)",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failed report what happened."""
    watch = item.stash.get(WATCH, None)
    if watch is not None and watch.handle is not None and call.excinfo is not None:
        shorten_verdicts(call.excinfo.value, watch.handle.verdicts.behind(call.excinfo.value))
    report = yield
    if watch is None:
        return report
    watch.ended = watch.ended or call.when == "call"
    if report.passed:
        return report
    watch.passed = False
    shorten_summary(report)
    if not report.failed or call.excinfo is None:  # skipped, or failed as expected
        return report
    if watch.handle is not None:  # the mock is open until the teardown of the fixture ends
        from offhook_mockserver.testkit.timeouts import idle_s

        nothing_s = idle_s(watch.handle.tenant)  # before the report, which takes time
        watch.story = report_failed(item, watch.handle, watch.since_s, call.excinfo.value)
        mark_if_void(item, watch, call.excinfo.value, report, nothing_s)
    if watch.story:
        report.sections.append((TITLE, watch.story))
        record(item, "offhook_report", watch.story)
        watch.story = ""
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector, report: object) -> None:
    """Show what happened before the debugger of ``--pdb`` begins: pytest shows its own sections only."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if not node.config.getoption("usepdb", False) or reporter is None or not isinstance(report, pytest.TestReport):
        return
    for title, text in report.sections:
        if title == TITLE:
            reporter.ensure_newline()
            reporter.write_sep("-", TITLE)
            reporter.line(text)
