"""Adds offhook's own checks to the doctor's. What they need is imported when they run: every command adds them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from offhook.interfaces.diagnosis import Finding
    from offhook.interfaces.environment import Environment
    from offhook.plugin.manager import Plugins
    from offhook.plugin.registry import DiagnosisRegistry

#: The checks in `checks.CHECKS`, and what each looks at.
SUMMARIES: Final[Mapping[str, str]] = {
    "machine": "versions, platform and TLS",
    "distributions": "distributions that cannot be read, or are installed twice",
    "plugins": "every plugin: where it is from, or why it was left out",
    "hooks": "hooks that several plugins implement",
    "packages": "packages that parts need and that are not installed",
    "settings": "settings that are set, by name, and names that are not settings",
    "home": "whether the folder for records can be written, and does not depend on the current folder",
    "store": "whether the store can be read",
    "parts": "the transport, carrier and auth that settings name",
    "resamplers": "whether resamplers are installed",
    "load": "how late an event loop is on this machine, and the limits for calls",
}


def add_checks(registry: DiagnosisRegistry, plugins: Callable[[], Plugins]) -> None:
    """Add all checks of offhook itself.

    Args:
        registry: the registry to add them to.
        plugins: returns the loaded plugins; only called when a check runs.
    """
    for name, summary in SUMMARIES.items():
        registry.add(name, functools.partial(_run, name, plugins), summary=summary)


def _run(name: str, plugins: Callable[[], Plugins], environment: Environment) -> Iterator[Finding]:
    from offhook.cli.doctor.checks import CHECKS

    return CHECKS[name](plugins(), environment)
