"""Strictness: what a test leaves behind fails it, unless its marker ``offhook`` allows it.

::

    @pytest.mark.offhook(allow=["calls_up"])

The fixture runs inside `watched`, which compares the process before and after the test. What a failed test leaves
behind stands in its report and never hides its failure.
"""

from __future__ import annotations

import contextlib
import warnings
from types import CodeType
from typing import TYPE_CHECKING, Final, cast

import pytest

from offhook_mock_pytest.folders import keep_passed, report_failed

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook_mockserver.testkit import MockHandle
    from offhook_mockserver.testkit.allowances import Leftover

MARKER: Final = "offhook"
#: The arguments of the marker.
_ARGUMENTS: Final = frozenset({"allow", "keep_audio_s"})
#: What a fixture of the test may own.
_OF_FIXTURES: Final = frozenset({"threads", "sockets", "processes"})


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(allow=[...]): what this test may leave behind, by name: calls_up, scripts_unfinished, "
        "scripts_failed, called_again, unexpected_requests, webhooks_undelivered, faults_unused, applications, "
        "refused, exceptions, tasks, threads, sockets, processes (offhook_mock)",
    )
    config.addinivalue_line(
        "markers", f"{MARKER}(keep_audio_s=...): how much sound of its calls this test keeps, in seconds (offhook_mock)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reject a marker that allows something unknown, before any fixture is created."""
    if item.get_closest_marker(MARKER) is not None:
        allowed_by(item)
        kept_by(item)


def kept_by(item: pytest.Item) -> float | None:
    """Return how much sound the markers of a test keep, in seconds; None if they do not say. The nearest one counts.

    Raises:
        pytest.fail.Exception: it is not a number from 0 to 3600.
    """
    from offhook.errors import ConfigError
    from offhook_mockserver.testkit.options import MockOptions

    for marker in item.iter_markers(MARKER):
        if "keep_audio_s" in marker.kwargs:
            try:
                return MockOptions(keep_audio_s=marker.kwargs["keep_audio_s"]).keep_audio_s
            except ConfigError as error:
                pytest.fail(f"@pytest.mark.{MARKER}: {error.message}", pytrace=False)
    return None


def allowed_by(item: pytest.Item) -> frozenset[str]:
    """Return what the markers of a test allow, those of its class and its module included.

    Raises:
        pytest.fail.Exception: a marker has other arguments, or allows something unknown.
    """
    allowed: set[str] = set()
    for marker in item.iter_markers(MARKER):
        given: object = marker.kwargs.get("allow", ())
        names = isinstance(given, list | tuple | set | frozenset)
        if marker.args or marker.kwargs.keys() - _ARGUMENTS or not names:
            pytest.fail(
                f'@pytest.mark.{MARKER} takes two arguments: write allow=["calls_up"] or keep_audio_s=600',
                pytrace=False,
            )
        allowed.update(_checked(name) for name in cast("list[object]", given))
    return frozenset(allowed)


def _checked(name: object) -> str:
    from offhook.wording import nearest_name
    from offhook_mockserver.testkit.allowances import ALLOWANCES

    if name in ALLOWANCES:
        return str(name)
    pytest.fail(
        f"@pytest.mark.{MARKER}(allow=[...]) does not know {name!r}{nearest_name(str(name), ALLOWANCES)}\n"
        f"It knows {', '.join(ALLOWANCES)}",
        pytrace=False,
    )


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that forgot to await a wait of the kit; pass all other warnings on."""
    if WATCH not in item.stash:
        return (yield)
    forgotten: list[str] = []
    with warnings.catch_warnings(record=True) as seen:
        try:
            return_value = yield
        finally:
            forgotten += [name for warning in seen if (name := _forgotten(warning))]
            others = [warning for warning in seen if not _forgotten(warning)]
    for warning in others:
        message = cast("Warning", warning.message)
        warnings.warn_explicit(message, None, warning.filename, warning.lineno, source=warning.source)
    if forgotten:
        pytest.fail(
            "\n".join(f"{name} was called, and not awaited: write `await ...`" for name in forgotten), pytrace=False
        )
    return return_value


def _forgotten(warning: warnings.WarningMessage) -> str:
    """The coroutine of the kit that was not awaited; empty if the warning is about something else."""
    code = getattr(warning.source, "cr_code", None)
    ours = isinstance(code, CodeType) and "/offhook_mockserver/testkit/" in code.co_filename
    return code.co_qualname if isinstance(code, CodeType) and ours else ""


@contextlib.contextmanager
def watched(item: pytest.Item) -> Generator[Watch]:
    """Watch a test from before its mock is made until after it is closed.

    Raises:
        pytest.fail.Exception: at the end, if the test passed and left something behind that it may not.
    """
    watch = Watch(item)
    item.stash[WATCH] = watch
    try:
        yield watch
    finally:
        watch.handle = None
    watch.check()


class Watch:
    """Watches one test.

    Args:
        item: the test.

    Attributes:
        handle: the mock of the test while it is open; None before and after.
        passed: whether the test has passed until now. The report clears it if the test fails or is skipped.
        ended: whether the test has run to its end. One that was interrupted has neither passed nor failed.
        story: what happened in the test, for the report that is made next; empty if there is nothing to say.
        since_s: when the test began, in the time of the mock's loop.
    """

    def __init__(self, item: pytest.Item) -> None:
        from offhook_mockserver.testkit.leaks import Picture

        self._item = item
        self._allowed = allowed_by(item)
        self._before = Picture.take()
        self._found: list[Leftover] = []
        self._ports: frozenset[int] = frozenset()
        self.handle: MockHandle | None = None
        self.passed: bool = True
        self.ended: bool = False
        self.story: str = ""
        self.since_s: float = 0.0

    def begin(self, handle: MockHandle) -> None:
        """The mock of the test is open."""
        from urllib.parse import urlsplit

        self.handle = handle
        if not handle.virtual:
            self._ports = frozenset({urlsplit(handle.url).port or 0})
        if handle.lag is not None:
            self.since_s = handle.lag.now_s()

    def end(self) -> None:
        """The test is over, and its mock is still open: look for what was left in it, and end its calls."""
        handle = self.handle
        if handle is None:
            return
        from offhook_mockserver.testkit.leaks import task_leak
        from offhook_mockserver.testkit.leftovers import await_calls, await_webhooks, leftovers, refusals

        if not self.passed or not self.ended:  # what it left behind would hide why
            return
        may_stay = "calls_up" in self._allowed
        if "applications" not in self._allowed:
            handle.finish_applications(beside_calls=may_stay)
        application = next((started.error for started in handle.failed_applications()), None)
        if not may_stay and application is None:
            await_calls(handle)
        if application is None and "webhooks_undelivered" not in self._allowed:
            await_webhooks(handle)
        self._found = self._not_allowed(handle.on_loop(lambda: leftovers(handle)))
        if self._found or application is not None:
            self.story = report_failed(self._item, handle, self.since_s, application)
        if handle.tenant.calls:
            handle.hang_up_all()
        left = [task_leak(task) for task in handle.leftover_tasks()]
        found = self._not_allowed([*left, *handle.unretrieved(), *refusals(handle)])
        self._found += found
        if found and not self.story:
            self.story = report_failed(self._item, handle, self.since_s, None)
        if not self.story:
            keep_passed(self._item, handle, self.since_s)

    def check(self) -> None:
        """The mock is closed: look for what was left in the process, and fail a test that has passed.

        Raises:
            pytest.fail.Exception: something was left behind.
        """
        from offhook_mockserver.testkit.leaks import left_behind

        if not self.passed or not self.ended:
            return
        leaks = left_behind(self._before, ports=self._ports)
        found = self._found + self._not_allowed(leaks)
        if found:
            pytest.fail(_text(found), pytrace=False)

    def _not_allowed(self, leftovers: list[Leftover]) -> list[Leftover]:
        return [leftover for leftover in leftovers if leftover.allowance not in self._allowed]


def _text(found: list[Leftover]) -> str:
    """What a test left behind, and how that may be allowed."""
    names = sorted({leftover.allowance for leftover in found})
    lines = [
        "the test passed, and left this behind:",
        *(f"  {leftover.what} ({leftover.allowance})" for leftover in found),
        f"If that is intended, mark the test @pytest.mark.{MARKER}(allow={names!r}).",
    ]
    if _OF_FIXTURES.intersection(names):
        lines.append("A fixture that ends it must request offhook_mock, so that it does so before this check.")
        lines.append("A fixture of a module or of the session must be an argument of the test, to begin before it.")
    return "\n".join(lines)


#: Where a test keeps its watch.
WATCH: Final = pytest.StashKey[Watch]()
