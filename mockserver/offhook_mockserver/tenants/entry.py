"""What a journal holds: entries of stable kinds, redacted and cut when they are made."""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook.arguments import check_number, check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook.interfaces import iso_8601, mask_all
from offhook.secret import MASK, redact
from offhook.session import Grade
from offhook.wording import printable

if TYPE_CHECKING:
    from typing import Self


#: What JSON can hold.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: Characters kept of one text, and of all texts and names in the fields of one entry.
MOST_TEXT: Final = 1_000
MOST_FIELDS: Final = 8_000
#: Levels of lists and objects kept in fields.
_MOST_DEPTH: Final = 6
#: What an entry takes in memory beside its texts, measured on CPython 3.12, and what each value in its fields takes.
_ENTRY_BYTES: Final = 600
_VALUE_BYTES: Final = 60
#: The last second of the year 9999; later times cannot be written as ISO 8601.
_LAST_WALL_S: Final = 253_402_300_799
#: What each value in the fields takes of `MOST_FIELDS`, so that many short ones take no longer to copy than a long one.
_VALUE_COST: Final = 10
#: Characters of a value that reports show.
_SHOWN: Final = 100
#: Characters of a sentence that reports show. What to do about it stands at its end.
_MOST_SENTENCE: Final = 360
#: Values under these names may be secrets that are not registered as such. A hash of one is not.
_SECRET_NAME: Final = re.compile(r"token|secret|passw|authori[sz]ation|cookie|credential|api.?key", re.IGNORECASE)
_HASH: Final = "_hash"
_MOST_INT: Final = 10**20
#: Names that the mock itself uses most; they hold no secret.
_OUR_NAMES: Final = frozenset({"method", "path", "body", "status", "message", "event", "end", "uid", "who", "code"})
#: What looks like a token of Agora's.
_TOKEN: Final = re.compile(r"00[67][0-9A-Za-z+/=]{30,}")


class EntryKind(Enum):
    """What an entry is about. The values are stable: they are in exported journals."""

    #: A request and its answer, which is not a refusal.
    REQUEST = "request"
    #: A request that was refused.
    REFUSAL = "refusal"
    #: A request that no route of the mock answers.
    UNEXPECTED = "unexpected"
    #: A call has started or ended, or was refused.
    CALL = "call"
    #: A callee rings, answers, or carries out a step.
    CALLEE = "callee"
    #: A member of a channel has joined, published, stopped publishing or left.
    MEMBER = "member"
    #: A program misuses Agora's SDK.
    MISUSE = "misuse"
    #: A fault was made, applied or undone.
    FAULT = "fault"
    #: Counters of an ended call that stay zero in a healthy one.
    LOSS = "loss"
    #: The `call_log` event of an ended call.
    CALL_LOG = "call_log"
    #: A webhook was delivered, or an attempt to do so has failed.
    WEBHOOK = "webhook"
    #: A test moved the clock.
    CLOCK = "clock"
    #: Anything else, for example a note of a test.
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a journal. It holds no secret, and numbers in it are masked.

    Attributes:
        index: its number in the journal, counted from 0; entries that were dropped keep theirs.
        wall_s: when it happened, in seconds since 1970, by the tenant's clock.
        at_s: seconds since the journal's first entry, by the tenant's clock.
        kind: what it is about.
        channel: the channel of its call; empty if it is not about a call.
        number: the number that its call rings, masked; empty likewise.
        text: a sentence for people, as one line without unprintable characters.
        fields: the same for programs.
        grade: how certain it is that Sendblue or Agora would do the same.
    """

    index: int
    wall_s: float
    at_s: float
    kind: EntryKind
    channel: str
    number: str
    text: str
    fields: Mapping[str, Json]
    grade: Grade

    def __str__(self) -> str:
        code = self.fields.get("code") or self.fields.get("event")
        about = f"{self.kind.value} {cut(code)}" if isinstance(code, str) else self.kind.value
        return f"#{self.index} {self.at_s:.3f} s {about}: {shortened(self.text)}"

    def to_json(self) -> dict[str, Json]:
        """The entry as an object of JSON."""
        return {
            "index": self.index,
            "wall": iso_8601(self.wall_s),
            "wall_s": self.wall_s,
            "at_s": self.at_s,
            "kind": self.kind.value,
            "channel": self.channel,
            "number": self.number,
            "text": self.text,
            "fields": self.fields,
            "grade": self.grade.value,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The entry that `to_json` returned; fields are redacted and cut again.

        Raises:
            ConfigError: it is not such an object.
        """
        try:
            fields, _ = clean(dict(cast("Mapping[str, Json]", document["fields"])))
            return cls(
                index=check_whole(document["index"], "index", least=0),
                wall_s=check_number(document["wall_s"], "wall_s", least=0, most=_LAST_WALL_S),
                at_s=check_number(document["at_s"], "at_s", least=0),
                kind=EntryKind(document["kind"]),
                channel=clean_text(cast("str", document["channel"])),
                number=clean_text(cast("str", document["number"])),
                text=clean_line(cast("str", document["text"])),
                fields=fields,
                grade=Grade(document["grade"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
            problem = f"what Entry.to_json() returned ({cut(repr(error))})"
            raise wrong("an entry of the journal", problem, document) from None


@dataclass(frozen=True, slots=True)
class Content:
    """What an entry says, redacted and cut: made once where many entries say the same.

    Attributes:
        kind, text, fields, grade: as of an `Entry`.
        bytes: about how many bytes the entry takes.
    """

    kind: EntryKind
    text: str
    fields: Mapping[str, Json]
    grade: Grade
    bytes: int

    @classmethod
    def made(cls, kind: EntryKind, text: str, fields: Mapping[str, Json], grade: Grade) -> Self:
        """Redact and cut.

        Raises:
            ConfigError: `fields` is not a mapping of text to what JSON can hold.
        """
        kept, fields_bytes = clean(fields)
        text = clean_line(text)
        return cls(kind, text, kept, grade, size_of(text, fields_bytes))


def cut(text: str) -> str:
    """The beginning of a text, as one line."""
    text = printable(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def shortened(sentence: str, most: int = _MOST_SENTENCE) -> str:
    """The beginning and the end of a sentence, as one line: only its middle is left out, if it has more characters."""
    text = printable(sentence)
    if len(text) <= most:
        return text
    end = most // 3
    return f"{text[: most - end - 1]}…{text[-end:]}"


def clean_text(text: str) -> str:
    """`text` without secrets, with numbers masked, cut to `MOST_TEXT` characters."""
    # Redacted before it is cut: half of a secret would not be found.
    return _cut(_redacted(text))


def clean_line(text: str) -> str:
    """The same as one line that a terminal can show: clients send what is in it, and people read it."""
    return _cut(printable(_redacted(text)))


def _redacted(text: str) -> str:
    text = mask_all(redact(text))
    return _TOKEN.sub(MASK, text) if "00" in text else text


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def clean(fields: Mapping[str, Json]) -> tuple[dict[str, Json], int]:
    """A copy of `fields` without secrets, with numbers masked, cut to limits; and about how many bytes it takes.

    Raises:
        ConfigError: it is not a mapping of text to what JSON can hold.
    """
    if not isinstance(fields, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
        raise wrong("fields", "a mapping of names to what JSON can hold", fields)
    if not fields:
        return {}, 0
    cleaner = _Cleaner()
    return cast("dict[str, Json]", cleaner.copy(fields, 0)), cleaner.bytes


def size_of(text: str, fields_bytes: int) -> int:
    """About how many bytes an entry takes."""
    return _ENTRY_BYTES + sys.getsizeof(text) + fields_bytes


def _number(value: bool | int | float | None) -> bool | int | float | str | None:
    """A number, True, False or None as an entry keeps it."""
    if isinstance(value, float) and not math.isfinite(value):  # JSON has no such numbers
        return str(value)
    if isinstance(value, int) and abs(value) >= _MOST_INT:
        return "an integer of more than 20 digits"
    return value


@functools.lru_cache(maxsize=256)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and not name.endswith(_HASH)


class _Cleaner:
    """Copies one entry's fields; what is beyond the limits becomes ``…``."""

    def __init__(self) -> None:
        self._left = MOST_FIELDS
        self.bytes = 0

    def copy(self, value: Json, depth: int) -> Json:
        self.bytes += _VALUE_BYTES
        self._left -= _VALUE_COST
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, (int, float)):
            return _number(value)
        if depth == _MOST_DEPTH or self._left <= 0:
            return "…"
        if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101 - the second test is slow
            copied: dict[str, Json] = {}
            for name, item in value.items():
                check_text(name, "a name in fields")
                if self._left <= 0:
                    copied["…"] = "…"
                    break
                ours = name in _OUR_NAMES
                secret = not ours and item is not None and not isinstance(item, bool) and _names_a_secret(name)
                # Before the value, which may take all that is left.
                kept = name if ours else self._text(name)
                copied[kept] = MASK if secret else self.copy(item, depth + 1)
            return copied
        given = cast("object", value)  # programs may pass anything
        if not isinstance(given, Sequence) or isinstance(given, bytes):
            raise wrong("a value in fields", "text, a number, True, False, None, a list or a dict", value)
        items: list[Json] = []
        for item in value:
            if self._left <= 0:
                items.append("…")
                break
            items.append(self.copy(item, depth + 1))
        return items

    def _text(self, text: str) -> str:
        text = clean_text(text)
        if len(text) > self._left:
            text = f"{text[: max(0, self._left)]}…"
        self._left -= len(text)
        self.bytes += sys.getsizeof(text)  # a character takes up to four
        return text
