"""offhook's own commands and checks, added through the hooks that plugins use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.lazy_command import LazyCommand
from offhook.plugin.manager import Plugins

if TYPE_CHECKING:
    from offhook.plugin.registry import CommandRegistry, DiagnosisRegistry

#: The name of each command, where it is in this room, and its line in the list of commands.
_COMMANDS: Final = (
    ("call", "call.command:call", "Place a call, say something, listen, hang up."),
    ("records", "records.command:records", "Stored calls: list, show, export, replay."),
    ("doctor", "doctor.command:doctor_command", "Check this installation, and report what is wrong with it."),
    ("plugins", "plugins_command:plugins_command", "List plugins, where they are from, and what they lack."),
    ("conformance", "conformance_command:conformance", "Test a plugin against the contract of its kind."),
    ("docs", "docs_command:docs_command", "Print a page of the documentation, or a list of the pages."),
)


class BuiltIn:
    """The plugin with everything that the command line itself adds.

    Attributes:
        plugins: all plugins that were loaded, this one included; the checks report on them.
    """

    __name__ = "offhook"

    plugins: Plugins

    @hookimpl
    def offhook_command(self, registry: CommandRegistry) -> None:
        for name, home, summary in _COMMANDS:
            registry.add(name, LazyCommand(f"offhook.cli.{home}"), summary=summary)

    @hookimpl
    def offhook_diagnosis(self, registry: DiagnosisRegistry) -> None:
        from offhook.cli.doctor.added import add_checks

        add_checks(registry, lambda: self.plugins)


def load() -> Plugins:
    """Load the commands and checks of offhook itself, then those of installed plugins."""
    built_in = BuiltIn()
    built_in.plugins = Plugins.load(commands=True, builtin=[built_in])
    return built_in.plugins
