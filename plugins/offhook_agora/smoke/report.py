"""The report of a smoke test: a page in Markdown without number, key, token or channel, to attach to an issue."""

from __future__ import annotations

import platform
import re
from typing import TYPE_CHECKING, Final

from offhook import __version__
from offhook.secret import redact
from offhook.session import record_document
from offhook.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from offhook.session import CallRecord
    from offhook_agora.smoke.comparison import Row

#: What is put in place of what must not be in a report.
MASK: Final = "[…]"
#: Anything as long and as mixed as a token, a key, an id or a channel's name.
_LOOKS_SECRET: Final = re.compile(r"(?=[A-Za-z+/=_-]*\d)[A-Za-z0-9+/=_-]{16,}")
#: A telephone number, however it is written; the uid of a member is one of the answers.
_LONG_NUMBER: Final = re.compile(r"(?<!uid=)(?<!\d)\+?\d[\d ().-]{5,}\d")


def page(record: CallRecord, rows: Sequence[Row], setting: Iterable[tuple[str, str]], private: Sequence[str]) -> str:
    """Return the report.

    Args:
        record: the record of the call.
        rows: the comparison.
        setting: what the call was placed with, as names and values.
        private: texts that must not be in it, whatever they look like: numbers, keys, the channel.
    """
    lines = [
        "# offhook: one live call, compared with what is assumed",
        "",
        "Without number, key, token and channel. Read it before you attach it to an issue.",
        "",
        *_table(["", ""], [["offhook", __version__], ["Python", platform.python_version()], *map(list, setting)]),
        *_table(["", ""], [["system", f"{platform.system()} {platform.machine()}"], *_outcome(record)]),
        "## Compared",
        "",
        *_table(["question", "assumed", "seen", ""], [[r.about, r.assumed, r.seen, r.verdict] for r in rows]),
        "## What happened",
        "",
        *_table(["s", "event", "call", "leg", "detail"], list(_timeline(record))),
        "## Counters",
        "",
        *_table(["counter", ""], [[name, str(count)] for name, count in sorted(record.counters.items())]),
    ]
    return without("\n".join(lines).rstrip() + "\n", private)


def without(text: str, private: Sequence[str]) -> str:
    """Return `text` with `private` and every live secret masked."""
    for word in sorted(filter(None, private), key=len, reverse=True):
        text = text.replace(word, MASK)
    return redact(text)


def _outcome(record: CallRecord) -> Iterator[list[str]]:
    document = record_document(record)
    for name in ("disposition", "ended_by", "cause", "rang"):
        yield [name, str(document[name])]
    for name in ("accepted_at_s", "joined_at_s", "answered_at_s", "first_heard_at_s", "ended_at_s"):
        yield [name, str(document[name])]
    yield ["problem", _free_text(record.problem)]


def _timeline(record: CallRecord) -> Iterator[list[str]]:
    for entry in record.timeline:
        yield [f"{entry.at_s:.3f}", entry.event, entry.call.value, entry.leg.value, _free_text(entry.detail)]


def _free_text(text: str) -> str:
    """A text that others may have had a part in: what looks like a secret or a number is masked."""
    return _LONG_NUMBER.sub(MASK, _LOOKS_SECRET.sub(MASK, text))


def _table(heads: list[str], rows: Sequence[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    return [*lines, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows), ""]


def _cell(text: str) -> str:
    """One cell: a single line that no page can take for anything but text."""
    return re.sub(r"([\\|<>\[\]!&*#~`])", r"\\\1", printable(text))
