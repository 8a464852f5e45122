"""The pages that describe code are what the code says, and the README shows the example that is run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", generator().PAGES)
def test_generated_pages_are_fresh(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == generator().PAGES[page](), (
        "run: python docs/generate.py"
    )


def test_pages_show_the_examples_that_are_run() -> None:
    """Whole, or the part that the comment names."""
    shown: list[str] = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        marked = re.findall(
            r"<!-- examples/([\w.]+)(: \w+)? -->\n```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        )
        for name, part, code in marked:
            example = (ROOT / "examples" / name).read_text(encoding="utf-8")
            assert code in example if part else code == example, f"{page.name}: {name}"
            shown.append(name)
    assert "greet_and_record.py" in shown


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"
