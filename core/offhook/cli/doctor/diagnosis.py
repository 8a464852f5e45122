"""Runs the checks that plugins register through ``offhook_diagnosis``, and collects what they find."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Final, cast

from offhook.errors import PluginError
from offhook.interfaces.diagnosis import Finding, Level
from offhook.plugin.isolation import as_plugin_error
from offhook.plugin.report import HOOKS_PAGE
from offhook.wording import describe

if TYPE_CHECKING:
    from offhook.interfaces.environment import Environment
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import DiagnosisCheck, Registration


#: How long one check may take.
LIMIT_S: Final = 10.0


def diagnose(plugins: Plugins, environment: Environment, limit_s: float = LIMIT_S) -> list[Finding]:
    """Run all checks, one after the other, and return what they found.

    If a check raises, hangs or yields anything but findings, that is added as a finding, after those that it yielded
    before; the other checks run all the same. A check that lacks a package is not run. What checks print goes to
    standard error. A check that hangs may print later, so `sys.stdout` then stays redirected to standard error; a
    caller prints on the stream that was `sys.stdout` before.

    Args:
        plugins: the plugins, loaded with `commands`.
        environment: the settings.
        limit_s: how long each check may take.
    """
    found: list[Finding] = []
    hangs = False
    with contextlib.ExitStack() as redirect:
        redirect.enter_context(contextlib.redirect_stdout(sys.stderr))
        for registration in plugins.diagnosis:
            if not registration.missing:
                run = _Run(registration, environment)
                found += run.results(limit_s)
                hangs = hangs or run.hangs
        if hangs:
            redirect.pop_all()
    return found


class _Run:
    """Runs one check on a thread of its own, so that a check that hangs can be left behind."""

    def __init__(self, registration: Registration[DiagnosisCheck], environment: Environment) -> None:
        self._registration = registration
        self._environment = environment
        self._found: list[Finding] = []
        self._error: BaseException | None = None
        #: Whether its thread was left behind.
        self.hangs = False

    def results(self, limit_s: float) -> list[Finding]:
        """What it finds within `limit_s`, and what is wrong with the check itself."""
        # A daemon, since the process must be able to end without it.
        thread = threading.Thread(target=self._check, name=f"offhook-check-{self._registration.name}", daemon=True)
        thread.start()
        thread.join(limit_s)
        found = self._found.copy()
        where = f"the check {self._registration.name!r}"
        self.hangs = thread.is_alive()
        if self.hangs:
            error = PluginError(self._registration.plugin, where, f"it did not end within {limit_s:g} s")
            found.append(Finding(Level.WRONG, where, error.message))
        elif self._error is not None:
            message = as_plugin_error(self._registration.plugin, where, self._error).message
            found.append(Finding(Level.WRONG, where, message))
        return found

    def _check(self) -> None:
        try:
            for finding in self._registration.factory(self._environment):
                if not _is_valid(finding):
                    raise PluginError(
                        self._registration.plugin,
                        f"the check {self._registration.name!r}",
                        f"it yielded {type(finding).__name__}; expected a Finding with a Level and texts",
                        see=f"{HOOKS_PAGE}#offhook_diagnosis",
                    )
                self._found.append(finding)
        except Exception as error:
            self._error = error
        except BaseException as error:  # not a person's ctrl-C, which only reaches the main thread
            self._error = RuntimeError(describe(error))


def _is_valid(finding: object) -> bool:
    """Whether a check yielded what it must; not every plugin is typed."""
    if not isinstance(finding, Finding):
        return False
    level, texts = cast("tuple[object, list[object]]", (finding.level, [finding.subject, finding.text, *finding.lines]))
    return isinstance(level, Level) and all(isinstance(text, str) for text in texts)
