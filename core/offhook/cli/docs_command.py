"""``offhook docs``: the pages that messages point to, for whoever has no clone."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli.pages import all_pages, read, title


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
