"""offhook's own commands and checks, added through the hooks that plugins use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import Plugins

if TYPE_CHECKING:
    from offhook.plugin.registry import CommandRegistry, DiagnosisRegistry


class BuiltIn:
    """The plugin with everything that the command line itself adds.

    Attributes:
        plugins: all plugins that were loaded, this one included; the checks report on them.
    """

    __name__ = "offhook"

    plugins: Plugins

    @hookimpl
    def offhook_command(self, registry: CommandRegistry) -> None:
        from offhook.cli.call.command import call
        from offhook.cli.conformance_command import conformance
        from offhook.cli.docs_command import docs_command
        from offhook.cli.doctor.command import doctor_command
        from offhook.cli.plugins_command import plugins_command
        from offhook.cli.records.command import records

        registry.add("call", call, summary="Place a call, say something, listen, hang up.")
        registry.add("records", records, summary="Stored calls: list, show, export, replay.")
        registry.add("doctor", doctor_command, summary="Check this installation, and report what is wrong with it.")
        registry.add("plugins", plugins_command, summary="List plugins, where they are from, and what they lack.")
        registry.add("conformance", conformance, summary="Test a plugin against the contract of its kind.")
        registry.add("docs", docs_command, summary="Print a page of the documentation, or a list of the pages.")

    @hookimpl
    def offhook_diagnosis(self, registry: DiagnosisRegistry) -> None:
        from offhook.cli.doctor.checks import add_checks

        add_checks(registry, lambda: self.plugins)


def load() -> Plugins:
    """Load the commands and checks of offhook itself, then those of installed plugins."""
    built_in = BuiltIn()
    built_in.plugins = Plugins.load(commands=True, builtin=[built_in])
    return built_in.plugins
