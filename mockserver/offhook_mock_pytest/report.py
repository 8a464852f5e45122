"""The report of a failed test: what happened in its calls, in the terminal, and a folder with the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from offhook_mock_pytest.folders import FOLDER, MODE, report_failed
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
    report = yield
    watch = item.stash.get(WATCH, None)
    if watch is None or report.passed:
        return report
    watch.passed = False
    if not report.failed or call.excinfo is None:  # skipped, or failed as expected
        return report
    if watch.handle is not None:  # the mock is open until the teardown of the fixture ends
        watch.story = report_failed(item, watch.handle, watch.since_s, call.excinfo.value)
        mark_if_void(item, watch, call.excinfo.value, report)
    if watch.story:
        report.sections.append((TITLE, watch.story))
        watch.story = ""
    return report
