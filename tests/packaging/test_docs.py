"""The pages that describe code are what the code says, and the README shows the example that is run."""

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from offhook.session import Event

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


def test_the_events_that_a_program_is_told_are_listed() -> None:
    """Those of the session, and the notes that the page about records explains."""
    page = (ROOT / "docs/how-to/long-calls.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z].*?) \|", page.partition("## What a program is told")[2], re.MULTILINE)
    records = (ROOT / "docs/how-to/records.md").read_text(encoding="utf-8").partition("| note |")[2]
    notes = re.findall(r"^\| (`[A-Z].*?) \|", records.partition("\n\n")[0], re.MULTILINE)
    events = [kind.__name__ for kind in get_args(Event)]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(events + re.findall(r"`(\w+)`", " ".join(notes)))


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_links_of_pages_stay_among_the_pages() -> None:
    """Whoever has them from the wheel has nothing else."""
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not link.startswith("http"):
                target = (page.parent / link).resolve()
                assert target.is_relative_to(docs), f"{page.name}: {link}"
                assert target.suffix == ".md", f"{page.name}: {link}"


def test_every_row_of_the_fault_catalogue_that_says_so_is_tested() -> None:
    table = runpy.run_path(str(ROOT / "docs/fault_rows.py"))
    rows = {row for group in table["ROWS"].values() for row in group}
    tested = generator().fault_tests()
    assert set(tested) <= rows, "a test is marked with a row that is not in the catalogue"
    assert table["COVERED"] <= rows
    assert sorted(table["COVERED"] - set(tested)) == []


def test_every_trap_of_the_sdk_is_tested() -> None:
    """By a test of its own: a mark that names a whole section covers none of its traps by itself."""
    sections = runpy.run_path(str(ROOT / "docs/trap_rows.py"))["TRAPS"]
    traps = {trap for _, rows in sections.values() for trap in rows}
    tested = set(generator().trap_tests())
    assert tested <= traps | set(sections), "a test is marked with a trap that is not in the table"
    assert sorted(traps - tested) == []


def test_every_row_of_what_makes_a_mock_safe_is_tested() -> None:
    rows = runpy.run_path(str(ROOT / "docs/security_rows.py"))
    tested = generator().safety_tests()
    assert set(tested) == set(rows["SAFETY"]), "a row without a test, or a test that is marked with no row"
    assert set(generator().fault_tests()) >= set(rows["FAULTS"])


def test_the_files_that_the_architecture_names_are_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|plugins|mockserver|tests)/[\w/.*-]+)`", page)
    assert len(named) > 15
    assert not [path for path in named if not list(ROOT.glob(path))]
