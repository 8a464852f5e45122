"""Finds modules without importing anything: a look at what a plugin needs must not run any of its code."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


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
