"""``offhook docs``: the pages that messages point to, for whoever has no clone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import offhook
from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def docs_command(
    page: Annotated[
        str | None,
        typer.Argument(metavar="[PAGE]", help="A page, or a section of one: hooks, hooks#offhook_transport."),
    ] = None,
) -> None:
    """Print a page of the documentation, or a list of the pages.

    Exit codes: 0 printed, 2 there is no such page or section.
    """
    if page is not None:
        typer.echo(read(page), nl=False)
        return
    pages = all_pages()
    for path in pages:
        typer.echo(f"{path.stem:<24} {title(path)}")
    typer.echo("\none of them: offhook docs PAGE; a section alone: offhook docs PAGE#SECTION")


_PACKAGE: Final = Path(offhook.__file__).parent
#: Inside the package where a wheel was installed, beside the sources in a clone.
_PLACES: Final = (_PACKAGE / "docs", _PACKAGE.parents[1] / "docs")
_GROUPS: Final = ("tutorial", "how-to", "reference", ".")
_HEADING: Final = re.compile(r"(#{1,6}) (.+)")


def all_pages() -> list[Path]:
    """The files of all pages, in the order of their groups; none where there are no pages."""
    return [
        path
        for place in _PLACES
        if (place / "reference").is_dir()
        for group in _GROUPS
        for path in sorted((place / group).glob("*.md"))
    ]


def title(page: Path) -> str:
    """The first heading of a page."""
    return next(text for _, _, text in _headings(page.read_text(encoding="utf-8").splitlines()))


def read(wanted: str) -> str:
    """The text of a page, or of one section of it.

    Args:
        wanted: ``hooks``, ``reference/hooks.md``, ``hooks#offhook_transport``.

    Raises:
        ConfigError: there is no such page, or no such section; the message names those that are alike.
    """
    name, _, section = wanted.partition("#")
    short = name.rpartition("/")[2].removesuffix(".md")
    pages = {page.stem: page for page in all_pages()}
    if short not in pages:
        raise ConfigError(
            f"no page is called {quoted(name)}{nearest_name(short, pages) or '.'} All of them: offhook docs"
        )
    text = pages[short].read_text(encoding="utf-8")
    return _section(text, short, section) if section else text


def _section(text: str, page: str, wanted: str) -> str:
    """From its heading up to the next one that is not below it."""
    lines = text.splitlines()
    headings = list(_headings(lines))
    for at, (number, level, heading) in enumerate(headings):
        if _plain(heading) == _plain(wanted):
            end = next((other for other, depth, _ in headings[at + 1 :] if depth <= level), len(lines))
            return "\n".join(lines[number:end]).rstrip() + "\n"
    anchors = [heading.lower().replace(" ", "-") for _, _, heading in headings]
    raise ConfigError(
        f"the page {page} has no section {quoted(wanted)}{nearest_name(wanted, anchors) or '.'} All of it: "
        f"offhook docs {page}"
    )


def _headings(lines: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Line, level and text of each; what begins with ``#`` inside of code is none."""
    in_code = False
    for number, line in enumerate(lines):
        in_code ^= line.startswith("```")
        found = _HEADING.fullmatch(line)
        if found and not in_code:
            yield number, len(found[1]), found[2]


def _plain(heading: str) -> str:
    """Without what the anchors of web pages leave out or put in."""
    return re.sub(r"[^a-z0-9_]", "", heading.lower())
