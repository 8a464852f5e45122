"""What a conformance kit can be told: public attributes, and methods that a subclass gives; see `generate.py`."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.testing.conformance import Conformance

#: Set by the kit itself, and in the tables of capabilities and clauses.
_OF_THE_KIT = {"kind", "capabilities"}
#: Methods that raise so are what a subclass gives.
_GIVEN = re.compile(r"your subclass|of a subclass of the kit")


def rows(kit: type[Conformance], base: type[Conformance]) -> list[list[str]]:
    """Name, default and meaning of all that `kit` has and `base` has not; for `base` itself, all that it has.

    Raises:
        KeyError: a docstring says nothing of an attribute.
    """
    known: set[str] = set() if kit is base else set(attributes(base))
    meanings = _meanings(kit)
    found = [[f"`{name}`", _default(kit, name), meanings[name]] for name in attributes(kit) if name not in known]
    return [[f"`{name}({_parameters(kit, name)})`", "", _first_line(kit, name)] for name in methods(kit)] + found


def attributes(kit: type[Conformance]) -> list[str]:
    """In the order of the code, those of the base first."""
    found: dict[str, None] = {}
    for part in reversed(kit.__mro__[:-1]):
        for name in [*inspect.get_annotations(part), *vars(part)]:
            value = inspect.getattr_static(kit, name, None)
            if not (name.startswith("_") or name in _OF_THE_KIT or callable(value) or isinstance(value, property)):
                found[name] = None
    return list(found)


def methods(kit: type[Conformance]) -> list[str]:
    """Those that a subclass must give, or may."""
    return [
        name
        for name, method in inspect.getmembers(kit, inspect.isfunction)
        if not name.startswith(("_", "test_")) and _GIVEN.search(inspect.getsource(method).rpartition('"""')[2])
    ]


def _meanings(kit: type[Conformance]) -> dict[str, str]:
    """What the docstrings of a kit and its bases say under ``Attributes:``."""
    found: dict[str, str] = {}
    for part in reversed(kit.__mro__[:-1]):
        _, _, text = (inspect.cleandoc(part.__doc__ or "")).partition("Attributes:\n")
        for item in re.split(r"\n(?=    \w)", "\n" + text.partition("\n\n")[0]):
            name, colon, meaning = item.strip().partition(": ")
            if colon:
                found[name] = " ".join(meaning.replace("|", "\\|").replace("``", "`").split())
    return found


def _default(kit: type[Conformance], name: str) -> str:
    value: object = getattr(kit, name, inspect)
    return "" if value is inspect else f"`{_plain(value)}`"


def _plain(value: object) -> str:
    return "{}" if value == {} else repr(value)


def _parameters(kit: type[Conformance], name: str) -> str:
    return ", ".join(list(inspect.signature(getattr(kit, name)).parameters)[1:])


def _first_line(kit: type[Conformance], name: str) -> str:
    text = (inspect.getdoc(getattr(kit, name)) or "").partition("\n")[0]
    return text.replace(" Your subclass says how.", "")
