"""The result of loading one plugin, as `offhook plugins`, `offhook doctor` and the log show it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.secret import redact
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


#: Part of the note about an unmarked function whose name looks like a hook's.
NO_HOOK: Final = "is named like a hook, but offhook has no such hook"
#: How many of the last lines of a traceback are kept.
_LINES: Final = 5
#: Files that a traceback passes through on the way to the plugin's own lines.
_PASSED: Final = ("<frozen ", "/importlib/", "/pluggy/", f"{Path(__file__).parents[1]}/")


#: What stands in the place of a distribution for a plugin that a program passed to its phone.
GIVEN: Final = "given to the phone"
#: The same for a plugin that is part of offhook's command line.
BUILT_IN: Final = "built in"


@dataclass(slots=True)
class PluginReport:
    """The result of loading one plugin.

    Attributes:
        name: of its entry point; of the object or its class, if it was passed to the phone.
        distribution, version: the distribution that installed it, and its version.
        module: the module with its hooks.
        origin: the file of that module.
        hooks: the hooks that it implements.
        problem: why it was left out; empty if it was loaded.
        traceback: the last lines of the problem's traceback that are in the plugin's own code.
        notes: problems that did not keep it from being loaded.
        disabled: whether a setting disables it.
    """

    name: str
    distribution: str = ""
    version: str = ""
    module: str = ""
    origin: str = ""
    hooks: list[str] = field(default_factory=list[str])
    problem: str = ""
    traceback: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    disabled: bool = False

    @property
    def label(self) -> str:
        """The plugin's name and origin, for messages."""
        return f"{self.name} ({' '.join(filter(None, (self.distribution, self.version)))})"

    def fail(self, error: BaseException) -> None:
        """Keep the reason for leaving it out."""
        self.problem = redact(error.message if isinstance(error, OffhookError) else describe(error))
        itself = f"plugin {self.label!r} "
        if self.problem.startswith(itself):  # shown next to its name already
            self.problem = f"it {self.problem.removeprefix(itself)}"
        cause = error.__cause__ if isinstance(error, OffhookError) and error.__cause__ is not None else error
        self.traceback = [redact(line) for line in _own_lines(cause)]


def left_out(reports: Iterable[PluginReport], unreadable: Sequence[str] = ()) -> str:
    """The end of an error about an unknown name: the plugins that were left out or may have a misspelt hook, and the
    distributions that cannot be read, since one of them may have had the name; empty for none."""
    reports = [report for report in reports if not report.disabled]
    absent = [f"{report.label}: {report.problem}" for report in reports if report.problem]
    misspelt = [f"{report.label}: {note}" for report in reports for note in report.notes if NO_HOOK in note]
    sentences = {"Left out": absent, "Misspelt": misspelt, "Unreadable": unreadable}
    return "".join(f". {head}: {'; '.join(items)}" for head, items in sentences.items() if items)


def _own_lines(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [item for item in frames if not any(part in item.filename for part in _PASSED)]
    lines = [f"{item.filename}:{item.lineno} in {item.name}: {item.line}" for item in own]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{error.filename}:{error.lineno}: {(error.text or '').strip()}")
    return lines[-_LINES:]


#: The pages for authors of plugins, as ``offhook docs`` knows them: a section for each hook, and for each interface.
HOOKS_PAGE: Final = "hooks"
INTERFACES_PAGE: Final = "interfaces"
#: The sections about plugins as such, and about the arguments of a registry.
PLUGIN_SECTION: Final = f"{HOOKS_PAGE}#a-plugin"
REGISTRY_SECTION: Final = f"{HOOKS_PAGE}#what-a-registry-takes"
