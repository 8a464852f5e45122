"""What became of one plugin, as `offhook plugins`, `offhook doctor` and the log show it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.errors import OffhookError
from offhook.secret import redact
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Iterable


#: In the note about a function that is no hook, though it was probably meant to be.
NO_HOOK: Final = "is no hook, though it is named like one"
#: So many of the last lines of a traceback are kept.
_LINES: Final = 5
#: Where a traceback passes through on the way to the plugin's own lines.
_PASSED: Final = ("<frozen ", "/importlib/", "/pluggy/", f"{Path(__file__).parents[1]}/")


#: What stands in the place of a distribution for a plugin that a program passed to its phone.
GIVEN: Final = "given to the phone"
#: The same for a plugin that is part of offhook's command line.
BUILT_IN: Final = "built in"


@dataclass(slots=True)
class PluginReport:
    """What became of one plugin.

    Attributes:
        name: of its entry point; of the object or its class, if it was given to the phone.
        distribution, version: what installed it.
        module: the module with its hooks.
        origin: the file of that module.
        hooks: those that it answers.
        problem: what kept it out, if anything did.
        traceback: the plugin's own last lines on the way to that problem.
        notes: what is odd about it, and did not keep it out.
        disabled: whether it was switched off.
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
        """The plugin and where it is from, for messages."""
        return f"{self.name} ({' '.join(filter(None, (self.distribution, self.version)))})"

    def fail(self, error: BaseException) -> None:
        """Keep why it was left out."""
        self.problem = redact(error.message if isinstance(error, OffhookError) else describe(error))
        itself = f"plugin {self.label!r} "
        if self.problem.startswith(itself):  # who reads it knows already
            self.problem = f"it {self.problem.removeprefix(itself)}"
        cause = error.__cause__ if isinstance(error, OffhookError) and error.__cause__ is not None else error
        self.traceback = [redact(line) for line in _own_lines(cause)]


def left_out(reports: Iterable[PluginReport]) -> str:
    """A sentence about the plugins that are not there, or not with all that they have, for whoever looks for something
    of theirs; empty for none."""
    reports = [report for report in reports if not report.disabled]
    names = [f"{report.label}: {report.problem}" for report in reports if report.problem]
    odd = [f"{report.label}: {note}" for report in reports for note in report.notes if NO_HOOK in note]
    return (f". Left out: {'; '.join(names)}" if names else "") + (f". Odd: {'; '.join(odd)}" if odd else "")


def _own_lines(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    own = [item for item in frames if not any(part in item.filename for part in _PASSED)]
    lines = [f"{item.filename}:{item.lineno} in {item.name}: {item.line}" for item in own]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append(f"{error.filename}:{error.lineno}: {(error.text or '').strip()}")
    return lines[-_LINES:]


#: The pages for authors of plugins, as ``offhook docs`` knows them: the hooks and the interfaces, a section each.
HOOKS_PAGE: Final = "hooks"
INTERFACES_PAGE: Final = "interfaces"
#: The sections about what a plugin is, and about what can be added to a registry.
PLUGIN_SECTION: Final = f"{HOOKS_PAGE}#a-plugin"
REGISTRY_SECTION: Final = f"{HOOKS_PAGE}#what-a-registry-takes"
