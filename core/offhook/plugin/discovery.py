"""The entry points in the group `offhook`: which there are, in which order they are loaded, and which are switched off.

Our own come first. So whoever registers a name that a built-in plugin has is the one who is refused, on every machine.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import re
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from offhook.plugin.report import BUILT_IN, GIVEN, PluginReport
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution, EntryPoint


GROUP: Final = "offhook"
#: The distribution that the built-in plugins are in.
OURS: Final = "offhook"
#: Names of plugins not to load, separated by commas: `NAME`, or `NAME@DISTRIBUTION` where two have one name.
DISABLE_VARIABLE: Final = "OFFHOOK_DISABLE_PLUGINS"
#: Names of plugins without which no phone is made, separated by commas.
REQUIRE_VARIABLE: Final = "OFFHOOK_REQUIRE_PLUGINS"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Two copies of a distribution are installed: Python uses the first on its path.

    Attributes:
        distribution: its name.
        used, unused: version and folder of each.
    """

    distribution: str
    used: str
    unused: str


def installed(environment: Mapping[str, str]) -> tuple[list[tuple[EntryPoint, PluginReport]], list[str]]:
    """The entry points in the order of loading, a report for each, and what is odd about them in sentences.

    Args:
        environment: where `OFFHOOK_DISABLE_PLUGINS` is looked up.
    """
    disabled = {name.strip() for name in environment.get(DISABLE_VARIABLE, "").split(",")} - {""}
    names: set[str] = set()
    found: list[tuple[EntryPoint, PluginReport]] = []
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=_order):
        module = point.value.partition(":")[0].strip()
        report = PluginReport(point.name, module=module, origin=origin_of(module))
        if point.dist is not None:
            report.distribution, report.version = point.dist.name, point.dist.version
        both = {point.name, f"{point.name}@{report.distribution}"}
        names |= both
        if disabled & both:
            report.disabled, report.problem = True, f"not loaded: {DISABLE_VARIABLE} names it"
        found.append((point, report))
    return found, [_unknown(name, names) for name in sorted(disabled - names)]


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    distribution = point.dist.name if point.dist is not None else ""
    return distribution != OURS, point.name, distribution


def _unknown(name: str, names: set[str]) -> str:
    close = difflib.get_close_matches(name, names, 1)
    known = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(n for n in names if '@' not in n))}"
    return f"{DISABLE_VARIABLE} names {quoted(name)}, and no plugin is called that; {known}"


def shadowed() -> list[Shadowed]:
    """Distributions with plugins, or offhook itself, that are installed more than once."""
    first: dict[str, Distribution] = {}
    found: list[Shadowed] = []
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.name or "").lower()
        if name != OURS and not _has_plugins(distribution.entry_points):
            continue
        used = first.setdefault(name, distribution)
        copies = (_where(used), _where(distribution))
        if copies[0] != copies[1]:
            found.append(Shadowed(distribution.name, *copies))
    return found


def _has_plugins(points: Iterable[EntryPoint]) -> bool:
    return any(point.group == GROUP for point in points)


def _where(distribution: Distribution) -> str:
    """Version and folder; one folder that stands twice on the path is one copy."""
    return f"{distribution.version} in {Path(str(distribution.locate_file(''))).resolve()}"


def disabling(label: str) -> str:
    """The setting that disables the plugin with this label; empty for a plugin that no distribution installed."""
    name, _, distribution = label.removesuffix(")").partition(" (")
    return f"{DISABLE_VARIABLE}={name}" if distribution not in ("", BUILT_IN, GIVEN) else ""


def is_installed(name: str) -> bool:
    """Whether the module `name`, dotted or not, could be imported."""
    return isinstance(sys.modules.get(name), ModuleType) or _spec(name) is not None


def origin_of(name: str) -> str:
    """The file of the module `name`, for people; empty where there is none."""
    module = sys.modules.get(name)
    spec = None if module is not None else _spec(name)
    return str(getattr(module, "__file__", None) or (spec is not None and spec.origin) or "")


def _spec(name: str) -> ModuleSpec | None:
    """As `importlib.util.find_spec`, which imports the packages that a dotted name begins with."""
    first, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(first)
        for part in rest:
            if spec is None:
                break
            places = spec.submodule_search_locations
            spec = None if places is None else PathFinder.find_spec(f"{spec.name}.{part}", places)
    except (ImportError, ValueError, AttributeError):  # no name at all, or a module that was put together by hand
        return None
    return spec
