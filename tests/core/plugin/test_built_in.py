"""Plugins that are part of the command line: loaded first, and their names are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE

from offhook.errors import PluginError
from offhook.interfaces.diagnosis import Finding, Level
from offhook.interfaces.environment import Environment
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.plugin.registry import CommandRegistry, DiagnosisRegistry


class OwnCommands:
    """As the command line's own plugin object."""

    @hookimpl
    def offhook_command(self, registry: CommandRegistry) -> None:
        registry.add("call", print)

    @hookimpl
    def offhook_diagnosis(self, registry: DiagnosisRegistry) -> None:
        registry.add("python", lambda environment: [Finding(Level.FINE, "python", "3")], summary="Python")


def test_a_built_in_plugin_has_its_names_first(install: Callable[..., str]) -> None:
    install(
        "acme",
        """
        from offhook.plugin import hookimpl
        @hookimpl
        def offhook_command(registry):
            registry.add("call", print)
        """,
    )
    plugins = Plugins.load((), ALONE, commands=True, builtin=[OwnCommands()])
    assert plugins.reports[0].label == "OwnCommands (built in)"
    assert [(item.name, item.plugin) for item in plugins.commands] == [("call", "OwnCommands (built in)")]
    (acme,) = (report for report in plugins.reports if report.name == "acme")
    assert acme.problem == (
        "it failed in offhook_command: 'call' is taken by plugin 'OwnCommands (built in)': choose another name "
        "(read: offhook docs hooks#what-a-registry-takes)"
    )
    (check,) = plugins.diagnosis
    assert [found.level for found in check.factory(Environment())] == [Level.FINE]


def test_a_built_in_plugin_has_its_own_name_first(install: Callable[..., str]) -> None:
    install("OwnCommands")
    plugins = Plugins.load((), ALONE, commands=True, builtin=[OwnCommands()])
    (rejected,) = (report for report in plugins.reports if report.distribution == "OwnCommands-offhook")
    assert rejected.problem == (
        "it failed in registration: its name is taken by plugin 'OwnCommands (built in)': rename its entry point "
        "(read: offhook docs hooks#a-plugin)"
    )


def test_only_the_command_line_calls_its_hooks() -> None:
    plugins = Plugins.load((), ALONE, builtin=[OwnCommands()])
    assert (list(plugins.commands), list(plugins.diagnosis)) == ([], [])


class Failing:
    @hookimpl
    def offhook_auth(self, registry: object) -> None:
        raise RuntimeError("no licence")


def test_a_built_in_plugin_that_fails_is_raised() -> None:
    with pytest.raises(PluginError, match=r"Failing \(built in\)' failed in offhook_auth: .*no licence"):
        Plugins.load((), ALONE, builtin=[Failing()])
