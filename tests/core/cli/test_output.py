"""What the command line prints: nothing from outside reaches the terminal as anything but text on its own line."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from offhook import Secret
from offhook.cli.output import log_to_stderr, log_warnings_safely, print_complaint, print_line, printed_here
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Removes all handlers, so that Python prints warnings itself, and restores them afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 日本, it's 5 °C", "Grüße, 日本, it's 5 °C"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("one\r\ntwo\u2028three", "one\\r\\ntwo\\u2028three"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("undecodable \udce9", "undecodable \\udce9"),
        ("", ""),
    ],
)
def test_unprintable_characters_are_escaped(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printable(text) == shown
    print_line(text)
    print_complaint(text)
    assert capsys.readouterr() == (f"{shown}\n", f"offhook: {shown}\n")


def test_the_log_is_escaped_and_keeps_the_lines_of_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.INFO)
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        logging.getLogger("acme").exception("the peer sent %s", "\x1b[31m")
    first, second, *_, last = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR acme: the peer sent \\x1b[31m")
    assert second == "    Traceback (most recent call last):"
    assert last == "    ValueError: \\x1b[2J"


def test_no_line_of_the_log_is_forged(capsys: pytest.CaptureFixture[str]) -> None:
    forged = "\r\n2026-11-29 12:00:00,000 INFO offhook: all is well\n"
    log_to_stderr(logging.INFO)
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger(f"acme.{forged}").exception("the peer sent %s", forged, stack_info=True)
    lines = capsys.readouterr().err.splitlines()
    assert "the peer sent \\r\\n2026-11-29" in lines[0]
    assert all(line.startswith("    ") for line in lines[1:])


def test_warnings_that_python_prints_are_escaped_and_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, printed = Secret("sesame-open-up"), io.StringIO()
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(printed))
    log_warnings_safely()
    log_warnings_safely()
    assert logging.lastResort is not None
    assert len(logging.lastResort.filters) == 1
    logging.Logger("alone").warning("\x07 %s", secret.reveal())  # without a parent, since pytest has a handler there
    assert printed.getvalue() == "\\x07 [secret]\n"


def test_python_may_have_no_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    log_warnings_safely()


def test_warnings_that_a_command_prints_are_not_printed_by_python() -> None:
    before = logging.getLogger("acme").handlers[:]
    with printed_here("acme"):
        assert [type(handler) for handler in logging.getLogger("acme").handlers if handler not in before] == [
            logging.NullHandler
        ]
    assert logging.getLogger("acme").handlers == before
