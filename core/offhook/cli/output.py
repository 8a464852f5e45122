"""What the command line prints: lines without unprintable characters, one JSON document, errors and the log.

The text can come from plugins, from stores that other programs can write, and from peers. It must not move the cursor,
change colours or start a new line.
"""

from __future__ import annotations

import contextlib
import json
import logging
from typing import TYPE_CHECKING

import typer

from offhook.plugin.isolation import PLUGINS_LOGGER
from offhook.secret import RedactingFilter
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TextIO

    from offhook.errors import OffhookError


def print_line(text: str = "", file: TextIO | None = None) -> None:
    """Print one line on standard output, or to `file`; unprintable characters in it are escaped."""
    typer.echo(printable(text), file)


def print_json(document: object, file: TextIO | None = None) -> None:
    """Print a document on standard output, or to `file`, as one line of JSON, which escapes everything but ASCII."""
    typer.echo(json.dumps(document), file)


def print_complaint(text: str) -> None:
    """Print one line on standard error that begins with ``offhook:``."""
    typer.echo(printable(f"offhook: {text}"), err=True)


def error_document(error: OffhookError) -> dict[str, object]:
    """An error as the JSON documents of commands show it."""
    return {"code": error.code, "message": error.message}


class LogFormatter(logging.Formatter):
    """Formats log records with unprintable characters escaped; the lines of a traceback stay lines."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(printable(line) for line in super().format(record).split("\n"))


def log_to_stderr(level: int) -> None:
    """Log to standard error from `level` on, without secrets."""
    handler = logging.StreamHandler()
    _make_safe(handler, "%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.basicConfig(level=level, handlers=[handler], force=True)


def log_warnings_safely() -> None:
    """Redact and escape the warnings that Python prints when logging is not set up, as `log_to_stderr` does."""
    if logging.lastResort is not None and not logging.lastResort.filters:
        _make_safe(logging.lastResort)


def _make_safe(handler: logging.Handler, format_: str | None = None) -> None:
    handler.addFilter(RedactingFilter())
    handler.setFormatter(LogFormatter(format_))


@contextlib.contextmanager
def printed_here(logger: str = PLUGINS_LOGGER) -> Generator[None]:
    """While this lasts, keep Python from printing warnings that no handler takes.

    Args:
        logger: the name of the logger whose warnings the command prints, or uses, itself; empty for all.
    """
    handler = logging.NullHandler()
    logging.getLogger(logger).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(logger).removeHandler(handler)
