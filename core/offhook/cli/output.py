"""What the command line prints: lines without unprintable characters, one JSON document, errors and the log.

The text can come from plugins, from stores that other programs can write, and from peers. It must not move the cursor,
change colours or start a new line. Everything that commands print goes through here, and from here to the streams of
`offhook.cli.streams`, which escape what other code prints and never raise.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from typing import TYPE_CHECKING

from offhook.plugin.isolation import PLUGINS_LOGGER
from offhook.secret import RedactingFilter
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TextIO

    from offhook.errors import OffhookError


def print_line(text: str = "", file: TextIO | None = None) -> None:
    """Print one line on standard output, or to `file`; unprintable characters in it are escaped."""
    (file or sys.stdout).write(f"{printable(text)}\n")


def print_text(text: str) -> None:
    """Print text of several lines on standard output; unprintable characters in a line are escaped."""
    for line in text.split("\n"):
        print_line(line)


def print_json(document: object, file: TextIO | None = None) -> None:
    """Print a document on standard output, or to `file`, as one line of JSON, which escapes everything but ASCII."""
    (file or sys.stdout).write(f"{json.dumps(document)}\n")


def print_complaint(text: str) -> None:
    """Print one line on standard error that begins with ``offhook:``."""
    print_line(f"offhook: {text}", sys.stderr)


def error_document(error: OffhookError) -> dict[str, object]:
    """An error as the JSON documents of commands show it."""
    return {"code": error.code, "message": error.message}


class LogFormatter(logging.Formatter):
    """Formats each log record as one line, with unprintable characters escaped, line breaks included.

    The lines of a traceback stay lines. They are indented, so that none of them can look like a record.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        first, *rest = super().format(record).split("\n")
        return "\n".join([first, *(f"    {printable(line)}" for line in rest)])


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
