"""docs/reference/types.md and conformance.md have every type, error, event and attribute that an author meets."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_args

import pytest

from offhook import errors
from offhook.session import events
from offhook.testing.conformance import KITS, Conformance

REFERENCE = Path(__file__).parents[2] / "docs/reference"
TYPES = (REFERENCE / "types.md").read_text(encoding="utf-8")
KIT_PAGE = (REFERENCE / "conformance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "error", [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
)
def test_every_error_is_there_with_its_code_and_its_arguments(error: type[errors.OffhookError]) -> None:
    (row,) = re.findall(rf"^\| `{error.__name__}\((.*)\)` \| `{error.code}` \| .+ \|$", TYPES, re.M)
    assert re.findall(r"(\w+):", row) == [*inspect.signature(error).parameters]
    assert re.search(rf"^[ │├└─]*{error.__name__}\b", TYPES, re.M), "it is in the tree"


@pytest.mark.parametrize("event", get_args(events.Event))
def test_every_event_is_there_with_its_fields(event: type[object]) -> None:
    (row,) = re.findall(rf"^\| `{event.__name__}\((.*)\)` \| .+ \|$", TYPES, re.M)
    assert re.findall(r"(\w+):", row) == [field.name for field in dataclasses.fields(event)]  # type: ignore[arg-type]


def test_what_is_to_be_imported_can_be() -> None:
    lines = re.findall(r"^from offhook.* import \w+$", TYPES, re.M)
    assert len(lines) >= 7
    for line in lines:
        exec(line, {})


@pytest.mark.parametrize("kit", [Conformance, *KITS.values()], ids=lambda kit: kit.kind or "every kit")
def test_what_a_kit_can_be_told_is_there_with_its_meaning(kit: type[Conformance]) -> None:
    of_all = {name for name in dir(Conformance) if kit is not Conformance}
    names = {
        name
        for name in dir(kit)
        if not (name.startswith("_") or name in {"kind", "capabilities"} or name in of_all)
        and not (callable(getattr(kit, name)) or isinstance(inspect.getattr_static(kit, name), property))
    }
    if kit is not Conformance:
        names |= {name for name in ("make", "make_far_end", "make_archive", "rotate") if hasattr(kit, name)}
    section = KIT_PAGE.partition(f"\n### {kit.kind or 'every kit'}\n")[2].partition("\n### ")[0]
    shown = dict(re.findall(r"^\| `(\w+)(?:\(.*?\))?` \| .*? \| (.+) \|$", section, re.M))
    assert names - shown.keys() == set()
    assert all(shown.values())
