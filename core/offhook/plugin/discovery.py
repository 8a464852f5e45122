"""Finds installed plugins (the entry points in the group `offhook`) and modules, without importing them.

Plugins of offhook itself come first. So a plugin that adds a name which offhook's own plugins have added is rejected,
on every machine.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Final

from offhook.interfaces.environment import Environment
from offhook.plugin.distributions import read_distributions
from offhook.plugin.report import BUILT_IN, GIVEN, PluginReport
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

    from offhook.plugin.distributions import Distributions, Installed


GROUP: Final = "offhook"
#: The distribution that holds the plugins that come with offhook.
OURS: Final = "offhook"
#: Names of plugins not to load, separated by commas: `NAME`, or `NAME@DISTRIBUTION` where two have the same name.
DISABLE_VARIABLE: Final = "OFFHOOK_DISABLE_PLUGINS"
#: Names of plugins that a phone requires, separated by commas.
REQUIRE_VARIABLE: Final = "OFFHOOK_REQUIRE_PLUGINS"


@dataclass(frozen=True, slots=True)
class Found:
    """What is installed.

    Attributes:
        plugins: the entry points in the order of loading, with a report for each.
        notes: a message for each problem of the settings.
        distributions: the installed distributions, and those that cannot be read.
    """

    plugins: list[tuple[EntryPoint, PluginReport]]
    notes: list[str]
    distributions: Distributions


def installed(environment: Mapping[str, str], distributions: Distributions | None = None) -> Found:
    """Find the installed plugins.

    Args:
        environment: holds `OFFHOOK_DISABLE_PLUGINS`.
        distributions: what is installed; it is read now if this is None.
    """
    disabled = {name.strip() for name in Environment(environment).as_written(DISABLE_VARIABLE).split(",")} - {""}
    names: set[str] = set()
    found: list[tuple[EntryPoint, PluginReport]] = []
    distributions = read_distributions(GROUP) if distributions is None else distributions
    points = [(point, owner) for owner in distributions.firsts() for point in owner.points if point.group == GROUP]
    for point, owner in sorted(points, key=_order):
        module = point.value.partition(":")[0].strip()
        report = PluginReport(point.name, owner.name, owner.version, module, origin_of(module))
        both = {point.name, f"{point.name}@{report.distribution}"}
        names |= both
        if disabled & both:
            report.disabled, report.problem = True, f"not loaded: {DISABLE_VARIABLE} names it"
        found.append((point, report))
    return Found(found, [_unknown(name, names) for name in sorted(disabled - names)], distributions)


def _order(item: tuple[EntryPoint, Installed]) -> tuple[bool, str, str]:
    point, owner = item
    return owner.name != OURS, point.name, owner.name


def _unknown(name: str, names: set[str]) -> str:
    known = ", ".join(sorted(other for other in names if "@" not in other))
    near = nearest_name(name, names) or f"; installed: {known}"
    return f"{DISABLE_VARIABLE} names {quoted(name)}, but no plugin has that name{near}"


def disabling(label: str) -> str:
    """The setting that disables the plugin with this label; empty for a plugin that no distribution installed."""
    name, _, distribution = label.removesuffix(")").partition(" (")
    return f"{DISABLE_VARIABLE}={name}" if distribution not in ("", BUILT_IN, GIVEN) else ""


def is_installed(name: str) -> bool:
    """Whether a module of this name, dotted or not, is installed."""
    return isinstance(sys.modules.get(name), ModuleType) or _spec(name) is not None


def origin_of(name: str) -> str:
    """The file of a module, for messages; empty for a module that is not installed or has no file."""
    module = sys.modules.get(name)
    spec = None if module is not None else _spec(name)
    return str(getattr(module, "__file__", None) or (spec is not None and spec.origin) or "")


def _spec(name: str) -> ModuleSpec | None:
    """Like `importlib.util.find_spec`, but without importing the packages that a dotted name begins with."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first)
        for part in rest:
            if spec is None:
                break
            places = spec.submodule_search_locations
            spec = None if places is None else PathFinder.find_spec(f"{spec.name}.{part}", places)
    except (ImportError, ValueError, AttributeError):  # not a valid name, or a module that was made by hand
        return None
    return spec
