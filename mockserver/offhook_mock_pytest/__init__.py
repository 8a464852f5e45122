"""The pytest plugin of the mock: the fixture `offhook_mock` is a mock of the test's own, in real or in virtual time.

pytest imports this module in every run on a machine with ``offhook[mock]`` installed, so it imports nothing of the mock
and nothing of offhook; the fixtures do.

While it is loaded, phones of this process, and of children that inherit its environment, call only servers on this
machine, unless live mode is on: a test must not ring a person by accident.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import zlib
from typing import TYPE_CHECKING, Final

import pytest

from offhook_pytest import MARKER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.plugin import Plugins
    from offhook_mockserver.testkit import MockHandle, MockOptions, ServerThread

__all__ = [
    "offhook_mock",
    "offhook_mock_options",
    "offhook_mock_server",
    "pytest_addoption",
    "pytest_configure",
    "pytest_report_header",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_LIVE_OPTION: Final = "offhook_live"
_LIVE: Final = "OFFHOOK_LIVE"
_LIVE_WORDS: Final = ("1", "true", "yes")
_NOT_LIVE_WORDS: Final = ("", "0", "false", "no")
#: The carrier honours both; see `offhook_sendblue.client`. The environment is for child processes, the option of the
#: interpreter for tests that replace the environment.
_ONLY_LOOPBACK: Final = "OFFHOOK_ONLY_LOOPBACK"
_ONLY_LOOPBACK_OPTION: Final = "offhook_only_loopback"
#: The variable and the option before this run.
_BEFORE: Final = pytest.StashKey[tuple[str | None, str | bool | None]]()
_SAID_LIVE: Final = "offhook: LIVE, phones may ring people"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options of the mock."""
    from offhook_mock_pytest import folders, report, strict, void

    for module in (folders, strict, report, void):
        pluginmanager.register(module, module.__name__)
    parser.getgroup("offhook").addoption(
        "--offhook-live",
        dest=_LIVE_OPTION,
        action="store_true",
        help=f"let phones call servers other than those of this machine, and so ring people; also {_LIVE}=1",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep phones on this machine, those of child processes included."""
    if _is_live(config):
        return
    options = _interpreter_options()
    config.stash[_BEFORE] = os.environ.get(_ONLY_LOOPBACK), options.get(_ONLY_LOOPBACK_OPTION)
    os.environ[_ONLY_LOOPBACK] = "1"
    options[_ONLY_LOOPBACK_OPTION] = True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Restore the environment."""
    if _BEFORE not in config.stash:
        return
    variable, option = config.stash[_BEFORE]
    if variable is None:
        os.environ.pop(_ONLY_LOOPBACK, None)
    else:
        os.environ[_ONLY_LOOPBACK] = variable
    if option is None:
        _interpreter_options().pop(_ONLY_LOOPBACK_OPTION, None)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Announce live mode."""
    return [_SAID_LIVE] if _is_live(config) else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Repeat it, for runs with ``-q`` and for long ones."""
    if _is_live(terminalreporter.config):
        terminalreporter.line(_SAID_LIVE, yellow=True)


def _is_live(config: pytest.Config) -> bool:
    """Whether phones may ring people.

    Raises:
        pytest.UsageError: the variable has a value that is neither yes nor no.
    """
    given = os.environ.get(_LIVE, "").strip().lower()
    if given not in {*_LIVE_WORDS, *_NOT_LIVE_WORDS}:
        raise pytest.UsageError(
            f"{_LIVE} is {os.environ[_LIVE]!r}: write 1, true or yes to let phones ring people, or unset it"
        )
    return bool(config.getoption(_LIVE_OPTION)) or given in _LIVE_WORDS


def _interpreter_options() -> dict[str, str | bool]:
    return sys._xoptions  # pyright: ignore[reportPrivateUsage] - documented


@pytest.fixture(scope="session")
def offhook_mock_options() -> MockOptions:
    """The options of the mocks of this session; override it to choose others."""
    from offhook_mockserver.testkit import MockOptions

    return MockOptions()


@pytest.fixture(scope="session")
def _offhook_plugins() -> Plugins:
    """The installed plugins of offhook, loaded once, if everything that a mock needs is installed."""
    from offhook.plugin import Plugins
    from offhook_mockserver.extra import lack

    if (error := lack("the fixture offhook_mock")) is not None:
        pytest.fail(error.message, pytrace=False)
    return Plugins.load()


@pytest.fixture(scope="session")
def offhook_mock_server(_offhook_plugins: Plugins) -> Iterator[ServerThread]:
    """The mock server of this session, in a thread of its own; each worker of pytest-xdist has one."""
    from offhook_mockserver.testkit import ServerThread

    server = ServerThread(plugins=_offhook_plugins)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def offhook_mock(
    request: pytest.FixtureRequest, offhook_mock_options: MockOptions, _offhook_plugins: Plugins
) -> Iterator[MockHandle]:
    """A mock of the test's own: its key pair, line, callees, faults, journal and clock.

    A test marked ``offhook_virtual`` runs in virtual time, all others in real time.
    """
    from offhook.plugin import cut_traceback
    from offhook_mock_pytest.strict import allowed_by, kept_by, watched
    from offhook_mockserver.testkit.making import real_handle, virtual_handle
    from offhook_mockserver.testkit.options import check_options

    item, options = request.node, check_options(offhook_mock_options, "what the fixture offhook_mock_options returns")
    assert isinstance(item, pytest.Item)
    kept_s = kept_by(item)
    if kept_s is not None:
        options = dataclasses.replace(options, keep_audio_s=kept_s)
    # The name of the test is part of it, so that a test has the same ids whichever tests run beside it.
    seed = zlib.crc32(item.nodeid.encode(), options.seed)
    folder = item.path.parent
    # The server outlives the test, so it starts before the test is watched.
    if item.get_closest_marker(MARKER) is None:
        server: ServerThread = request.getfixturevalue("offhook_mock_server")
        making = real_handle(server, options, plugins=_offhook_plugins, seed=seed, folder=folder)
    else:
        allowed = allowed_by(item)
        making = virtual_handle(options, plugins=_offhook_plugins, seed=seed, folder=folder, allow=allowed)
    with watched(item) as watch, making as handle:
        if handle.runner is not None:
            item.stash[RUNNER] = handle.runner
        if request.instance is not None and _is_unittest(request.instance):  # which passes no fixtures
            request.instance.offhook_mock = handle
        watch.begin(handle)
        yield handle
        watch.end()
        failed = next(iter(handle.failed_applications()), None)
        if failed is not None and failed.error is not None and watch.passed:
            raise cut_traceback(failed.error)


def _is_unittest(instance: object) -> bool:
    """Whether a test is a method of a `unittest.TestCase`. Importing that module would slow down every run."""
    unittest = sys.modules.get("unittest")
    return unittest is not None and isinstance(instance, unittest.TestCase)
