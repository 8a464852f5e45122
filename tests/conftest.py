"""No test, and no process that a test starts, depends on whoever runs it: on their data folder, or on signals that they
have ignored.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.patience import FACTOR
from tests.secret_scan import SCAN, no_secrets, scanned

from offhook.records.home import HOME_VARIABLE, home
from offhook.records.stores import STORE_VARIABLE
from offhook.session.machine import CallSession

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


__all__ = ["no_secrets", "scanned"]  # fixtures for all tests

# On a busy machine an example takes as long as it takes.
settings.register_profile("offhook", deadline=None)
settings.load_profile("offhook")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Each broken plugin runs the one clause that must fail; with this option it runs every clause of its kit."""
    parser.addoption("--whole-kits", action="store_true", help="run every clause for each broken plugin (minutes)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``PYTEST_TIMEOUT``, limits that tests set for themselves grow in proportion."""
    for item in items:
        if FACTOR > 1 and (marker := item.get_closest_marker("timeout")) is not None:
            item.add_marker(pytest.mark.timeout(marker.args[0] * FACTOR), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``CI``, a test marked ``agora`` or ``sdks`` that is skipped fails: a missing compiler, or a missing node,
    must not look like success.

    A clause that a plugin does not claim is not run, anywhere.
    """
    report = yield
    for name, text in report.sections:
        SCAN.text(name, text)
    wanted = os.environ.get("CI") and any(map(item.get_closest_marker, ("agora", "sdks")))
    if report.skipped and not hasattr(report, "wasxfail") and wanted and "is not claimed" not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped, although CI is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def whole_kits(pytestconfig: pytest.Config) -> bool:
    """Whether broken plugins run every clause of their kit."""
    return bool(pytestconfig.getoption("whole_kits"))


# Workers are measured, the processes that tests start are not: that would slow them down and cover nothing.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)

# Under nohup, or as a job in the background of a script, some are ignored, and so they would be in every process that a
# test starts.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def strict_sessions() -> Iterator[None]:
    """Every session raises for an event that is impossible in its state, those included that a phone makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CallSession, "strict_by_default", True)
        yield


@pytest.fixture(scope="session", autouse=True)
def some_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home folder for what outlives a single test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("home")))
        patch.delenv(STORE_VARIABLE, raising=False)
        yield


@pytest.fixture(autouse=True)
def offhook_home(tmp_path_factory: pytest.TempPathFactory, some_home: None) -> Iterator[Path]:
    """A home folder of the test's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder))
        yield folder
        assert home({}) == folder, f"{HOME_VARIABLE} was changed: this test could write into a real data folder"
