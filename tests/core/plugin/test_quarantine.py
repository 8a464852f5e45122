"""The quarantine: what SDKs do to the whole process when they are imported is undone and reported."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.core.rig import load

from offhook.errors import PluginError
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.quarantine import TLS_REPLACED, quarantine

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces.environment import Environment
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import TransportRegistry

pytestmark = pytest.mark.fault("F40")


def turn_off() -> None:
    """What Agora's SDK does at its import."""
    ssl._create_default_https_context = ssl._create_unverified_context  # type: ignore[assignment]


class Agora:
    """A plugin that loads something like Agora's SDK in its factory: it turns off TLS checks, prints and exits."""

    @hookimpl
    def offhook_transport(self, registry: TransportRegistry) -> None:
        registry.add("agora", self.make)

    def make(self, environment: Environment) -> NoReturn:
        turn_off()
        sys.exit(1)


def make(plugins: Plugins) -> None:
    from offhook.interfaces.environment import Environment

    plugins.make(plugins.transports, "agora", Environment())


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> object:
    """Python's own hook, and back to what it was afterwards."""
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl.create_default_context)
    return ssl.create_default_context


def test_a_factory_that_exits_and_turns_off_tls_checks_does_neither(
    hook: object, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load(Agora())
    with pytest.raises(
        PluginError,
        match=r"'Agora \(given to the phone\)' failed in the factory of the transport 'agora': SystemExit: 1 \(",
    ):
        make(plugins)
    assert ssl._create_default_https_context is hook
    assert plugins.reports[-1].notes == [TLS_REPLACED]
    assert plugins.complaints == [f"plugin Agora (given to the phone): {TLS_REPLACED}"]
    assert [record.getMessage() for record in caplog.records] == plugins.complaints


def test_the_same_at_import(install: Callable[..., str], hook: object) -> None:
    install(
        "sdk", "import ssl\nssl._create_default_https_context = ssl._create_unverified_context\nraise SystemExit(1)"
    )
    (report,) = (report for report in load().reports if report.name == "sdk")
    assert ssl._create_default_https_context is hook
    assert (report.problem, report.notes) == ("SystemExit: 1", [TLS_REPLACED])


def test_a_hook_that_the_program_set_itself_stays() -> None:
    reported: list[str] = []
    turn_off()
    chosen = ssl._create_default_https_context
    with quarantine(reported.append):
        pass
    assert ssl._create_default_https_context is chosen
    with quarantine(reported.append):
        ssl._create_default_https_context = ssl.create_default_context
    assert ssl._create_default_https_context is chosen, "a plugin changes nothing, in whichever direction"
    assert reported == [TLS_REPLACED]


def test_threads_in_quarantine_at_once_restore_the_first_hook(hook: object) -> None:
    """Two phones are made at once: the second begins while the first one's plugin has turned the checks off."""
    reported: list[str] = []
    first, second = quarantine(reported.append), quarantine(reported.append)
    first.__enter__()
    turn_off()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert ssl._create_default_https_context is hook
    assert reported == [TLS_REPLACED]
