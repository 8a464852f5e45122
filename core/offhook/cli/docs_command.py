"""``offhook docs``: the pages that messages refer to, from the installed package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import offhook
from offhook.cli.output import print_line, print_text
from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def docs_command(
    page: Annotated[
        str | None,
        typer.Argument(
            metavar="[PAGE]",
            help="A page or a section of one, for example hooks or hooks#offhook_transport; or a word, for the pages "
            "that have it in their names.",
        ),
    ] = None,
) -> None:
    """Print a page of the documentation, or a list of the pages.

    Exit codes: 0 printed, 2 no such page or section.
    """
    pages = all_pages() if page is None else with_word(page)
    if page is not None and not pages:
        print_text(read(page).removesuffix("\n"))
        return
    width = max(len(path.stem) for path in pages)
    for path in pages:
        print_line(f"{path.stem:<{width}}  {title(path)}")
    print_line()
    print_line("to read one: offhook docs PAGE; only a section of it: offhook docs PAGE#SECTION")


_PACKAGE: Final = Path(offhook.__file__).parent
#: Inside the package when a wheel is installed; beside the sources in a clone.
_PLACES: Final = (_PACKAGE / "docs", _PACKAGE.parents[1] / "docs")
_GROUPS: Final = ("tutorial", "how-to", "reference", ".")
_HEADING: Final = re.compile(r"(#{1,6}) (.+)")


def all_pages() -> list[Path]:
    """Return the files of all pages, in the order of their groups; empty when no pages are installed."""
    return [
        path
        for place in _PLACES
        if (place / "reference").is_dir()
        for group in _GROUPS
        for path in sorted((place / group).glob("*.md"))
    ]


def with_word(word: str) -> list[Path]:
    """Return the pages that have a word in their names; none if it is the name of a page."""
    pages = all_pages()
    return [] if any(path.stem == word for path in pages) else [path for path in pages if word in path.stem]


def title(page: Path) -> str:
    """Return the first heading of a page."""
    return next(text for _, _, text in _headings(page.read_text(encoding="utf-8").splitlines()))


def read(wanted: str) -> str:
    """Return the text of a page, or of one section of it.

    Args:
        wanted: ``hooks``, ``reference/hooks.md``, ``hooks#offhook_transport``.

    Raises:
        ConfigError: no such page, or no such section; the message suggests a similar name.
    """
    name, _, section = wanted.partition("#")
    short = name.rpartition("/")[2].removesuffix(".md")
    pages = {page.stem: page for page in all_pages()}
    if short not in pages:
        raise ConfigError(
            f"no page is called {quoted(name)}{nearest_name(short, pages) or '.'} For a list of the pages: offhook docs"
        )
    text = pages[short].read_text(encoding="utf-8")
    return _section(text, short, section) if section else text


def _section(text: str, page: str, wanted: str) -> str:
    """Return a section: from its heading up to the next heading of the same or a higher level."""
    lines = text.splitlines()
    headings = list(_headings(lines))
    for at, (number, level, heading) in enumerate(headings):
        if _plain(heading) == _plain(wanted):
            end = next((other for other, depth, _ in headings[at + 1 :] if depth <= level), len(lines))
            return "\n".join(lines[number:end]).rstrip() + "\n"
    anchors = [heading.lower().replace(" ", "-") for _, _, heading in headings]
    raise ConfigError(
        f"the page {page} has no section {quoted(wanted)}{nearest_name(wanted, anchors) or '.'} For the whole page: "
        f"offhook docs {page}"
    )


def _headings(lines: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the line number, the level and the text of each heading; lines of code are skipped."""
    in_code = False
    for number, line in enumerate(lines):
        in_code ^= line.startswith("```")
        found = _HEADING.fullmatch(line)
        if found and not in_code:
            yield number, len(found[1]), found[2]


def _plain(heading: str) -> str:
    """Return a heading without the characters that anchors of web pages change."""
    return re.sub(r"[^a-z0-9_]", "", heading.lower())
