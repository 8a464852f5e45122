"""The pytest plugin: ``@pytest.mark.offhook_virtual`` runs a coroutine test in virtual time.

pytest imports this module in every run on a machine with offhook installed, so it imports nothing of offhook: that
would slow down each of those runs, and hide the import from a coverage measurement that starts later. The work is in
`running`, which the first marked test imports.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Mapping
    from typing import Final, NoReturn

__all__ = [
    "FIXTURE",
    "MARKER",
    "RUNNER",
    "pytest_configure",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
]

MARKER = "offhook_virtual"
#: The fixture that brings a virtual loop of its own, on which plain functions can wait, too. The mock has it.
FIXTURE = "offhook_mock"
#: Where that fixture leaves its loop, for the test that takes it.
RUNNER: Final[pytest.StashKey[asyncio.Runner]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}: run this test in virtual time (offhook), on an event loop of its own; tasks, exceptions and async "
        f"generators that it leaves behind fail it. A plain function needs the fixture {FIXTURE}",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reject plain functions without a loop and async fixtures in marked tests, before any fixture is created."""
    if isinstance(item, pytest.Function) and _is_marked(item):
        if _coroutine_function(item) is None and not {FIXTURE, "request"}.intersection(item.fixturenames):
            _fail_without_loop(item)
        _refuse_async_fixtures(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Reject a plain function that could have requested the loop's fixture while it ran, and did not."""
    result = yield
    if isinstance(item, pytest.Function) and RUNNER not in item.stash and _is_plain_and_marked(item):
        _fail_without_loop(item)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show an error of offhook at the line of the user, unless ``--full-trace`` asks for all lines."""
    # Where offhook was not imported, it raised nothing.
    if call.excinfo is not None and "offhook.errors" in sys.modules and not item.config.getoption("fulltrace"):
        from offhook_pytest.tracebacks import cut

        cut(call)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Run marked tests, and leave all others to other plugins for coroutine tests."""
    function = _coroutine_function(pyfuncitem) if _is_marked(pyfuncitem) else None
    if function is None:
        return None
    names = inspect.signature(function).parameters.keys() & pyfuncitem.funcargs.keys()
    arguments: Mapping[str, object] = {name: pyfuncitem.funcargs[name] for name in names}
    from offhook_pytest.running import run_on, run_test

    if RUNNER in pyfuncitem.stash:
        run_on(pyfuncitem.stash[RUNNER], function, arguments)
    else:
        run_test(function, arguments)
    return True


def _is_plain_and_marked(item: pytest.Function) -> bool:
    return _is_marked(item) and _coroutine_function(item) is None


def _fail_without_loop(item: pytest.Function) -> NoReturn:
    pytest.fail(
        f"{item.name} is marked {MARKER} but is not a coroutine function: write async def, or take the fixture "
        f"{FIXTURE}, whose methods wait in virtual time",
        pytrace=False,
    )


def _is_marked(item: pytest.Item) -> bool:
    return item.get_closest_marker(MARKER) is not None


def _coroutine_function(item: pytest.Function) -> Callable[..., object] | None:
    """Return the test itself, which another plugin's automatic mode may have wrapped in a plain function already."""
    function: Callable[..., object] = inspect.unwrap(item.obj, stop=inspect.iscoroutinefunction)
    return function if inspect.iscoroutinefunction(function) else None


def _refuse_async_fixtures(item: pytest.Function) -> None:
    # pytest has no public way from an item to its fixtures' definitions; other async plugins use this one, too.
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():  # pyright: ignore[reportPrivateUsage]
        function = definitions[-1].func
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            pytest.fail(
                f"the fixture {name!r} is async, which {MARKER} does not support: its value would belong to a "
                "different event loop than the test. Create it in the test, with async with",
                pytrace=False,
            )
