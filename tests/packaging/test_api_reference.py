"""docs/reference/api.md has everything that an application uses, and its examples run."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import offhook
from offhook.interfaces import Ids
from offhook.testing import LoopClock
from offhook_mockserver.server import InProcessMock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook import Phone

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/api.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, Callable[[Phone], Awaitable[None]]] = runpy.run_path(str(DOCS / "api_examples.py"))["EXAMPLES"]
API_PAGE = runpy.run_path(str(DOCS / "api_page.py"))
KINDS: list[type[object]] = list(API_PAGE["kinds"]())


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.offhook_virtual
async def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock, mock.phone() as phone:
        await EXAMPLES[name](phone)


def test_every_public_name_is_there() -> None:
    names = {name for name in offhook.__all__ if inspect.isclass(getattr(offhook, name, None))}
    assert names - API_PAGE["FOR_PLUGINS"] - set(re.findall(r"`(\w+)`", PAGE)) == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_type_has_a_meaning_and_its_name_stands_in_an_example(kind: type[object]) -> None:
    section = PAGE.partition(f"\n## {kind.__name__}\n")[2].partition("\n## ")[0]
    exec(re.findall(r"^from offhook import \w+$", section, re.M)[0], {})
    shown = "".join(re.findall(r"\*\*Example\*\*\n\n```python\n(.*?)```", PAGE, re.S))
    of_an_example = {"BoundedStream": "events", "TimelineEntry": "timeline", "Gap": "gaps"}
    assert kind.__name__ in EXAMPLES or of_an_example.get(kind.__name__, kind.__name__) in shown


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_public_method_and_property_is_there_with_its_meaning(kind: type[object]) -> None:
    section = PAGE.partition(f"\n## {kind.__name__}\n")[2].partition("\n## ")[0]
    for name, member in vars(kind).items():
        if name.startswith("_") or f"{kind.__name__}.{name}" in API_PAGE["OURS"]:
            continue
        if isinstance(member, property):
            assert re.search(rf"^\| `{name}` \| `.+` \| \S.+ \|$", section, re.M), name
        elif inspect.isfunction(getattr(member, "__func__", member)):
            assert re.search(rf"^### {kind.__name__}\.{name}\n\n```python\n.+?```\n\n\S", section, re.M | re.S), name
