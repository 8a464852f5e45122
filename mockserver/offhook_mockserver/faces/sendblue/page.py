"""An OpenAPI document as a page for people: without a script, and with nothing that a client has sent."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.faces.operations.fields import GRADE, SOURCE
from offhook_mockserver.faces.operations.schema_rows import rows_of
from offhook_mockserver.faces.sendblue.openapi import LENIENT, SCOPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    "td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "code{font-family:ui-monospace,monospace}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: What browsers must know of the page: it has no script and loads nothing.
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


def page_of(document: Mapping[str, object], source: str) -> str:
    """The page of a document. Everything in it is escaped.

    Args:
        document: the document.
        source: the path at which it is served.
    """
    info = cast("Mapping[str, str]", document["info"])
    paths = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", document["paths"])
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(info["title"])}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{_text(info['title'])}</h1>",
        *(f"<p>{_text(part)}</p>" for part in info["description"].split("\n\n")),
        f'<p><a href="{_text(source)}">The OpenAPI document</a></p>',
    ]
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    parts += ["<ul>", *(_entry(title, operation) for title, operation in operations.items()), "</ul>"]
    for title, operation in operations.items():
        parts += _operation(title, operation)
    return "".join([*parts, "</body></html>"])


def _entry(title: str, operation: Mapping[str, object]) -> str:
    """An operation in the index of the page."""
    link = f'<a href="#{_text(str(operation["operationId"]))}"><code>{_text(title)}</code></a>'
    return f"<li>{link} {_text(str(operation['summary']))}"


def _operation(title: str, operation: Mapping[str, object]) -> Iterator[str]:
    identifier = _text(str(operation["operationId"]))
    yield f'<h2 id="{identifier}"><code>{_text(title)}</code></h2><p>{_text(str(operation["summary"]))}'
    if operation.get(LENIENT):
        yield " Answered only where the settings are lenient."
    facts = (str(operation[GRADE]), str(operation[SOURCE]), f"for {operation[SCOPE]}")
    yield f"</p><p>{_text('; '.join(facts))}</p>"
    for name, rows in rows_of(operation):
        if rows:
            yield f"<h3>{_text(name)}</h3><table><tr><th>field<th>type<th>needed<th>grade<th>meaning</tr>"
            for row in rows:
                needed = "yes" if row.required else ""
                yield f"<tr>{_cells([f'{row.name}', row.type, needed, f'{row.grade}: {row.source}', row.summary])}</tr>"
            yield "</table>"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{_text(text)}" for text in texts)


def _text(text: str) -> str:
    return html.escape(text, quote=True)
