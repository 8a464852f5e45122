"""Which entries of a journal are looked for, and why an entry is not one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_function, check_instance, check_text, wrong
from offhook.interfaces import mask, mask_all
from offhook.wording import nearest_name, quoted
from offhook_mockserver.tenants.entry import Entry, EntryKind, clean, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.tenants.entry import Json

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


_SINCE: Final = "an entry, or the index of one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which entries are looked for; None means any.

    Attributes:
        kind: the kind, as an `EntryKind` or its value.
        channel: the channel.
        number: the number that the call rings, in full or masked.
        text: a part of the text, in upper or lower case; or a compiled regular expression that is found in it.
        since: only entries after this entry, or after the entry with this index.
        where: fields and the values that they must have, or a function that returns whether an entry matches.

    Raises:
        ConfigError: one of them is of the wrong type, or the kind is unknown.
    """

    kind: EntryKind | str | None = None
    channel: str | None = None
    number: str | None = None
    text: str | re.Pattern[str] | None = None
    since: Entry | int | None = None
    where: Mapping[str, Json] | Callable[[Entry], object] | None = None
    _checks: list[tuple[str, Callable[[Entry], str]]] = field(
        default_factory=list[tuple[str, "Callable[[Entry], str]"]], init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.since is not None:
            if isinstance(self.since, bool):
                raise wrong("since", _SINCE, self.since)
            check_instance(self.since, "since", (Entry, int), _SINCE)
            after = self.since.index if isinstance(self.since, Entry) else int(self.since)
            self._add(f"since=#{after}", lambda entry: "" if entry.index > after else f"it is not after #{after}")
        if self.kind is not None:
            self._add_equal("kind", _kind(self.kind).value, lambda entry: entry.kind.value)
        if self.channel is not None:
            self._add_equal("channel", check_text(self.channel, "channel"), lambda entry: entry.channel)
        if self.number is not None:
            self._add_equal("number", _masked(check_text(self.number, "number")), lambda entry: entry.number)
        if self.text is not None:
            self._add_text(self.text)
        where = self.where
        if isinstance(where, Mapping):
            for name, value in cast("Mapping[str, Json]", cast("object", where)).items():
                self._add_field(name, value)
        elif callable(where):
            check_function(where, "where", ("an entry",))
            self._add_function(where)
        elif where is not None:
            raise wrong("where", "fields with their values, or a function that can be called with an entry", where)

    def matches(self, entry: Entry) -> bool:
        """Whether an entry fulfils all of them."""
        return not any(check(entry) for _, check in self._checks)

    def missed(self, entry: Entry) -> list[str]:
        """For each criterion that an entry does not fulfil, a clause that says why."""
        return [why for _, check in self._checks if (why := check(entry))]

    def __str__(self) -> str:
        return ", ".join(name for name, _ in self._checks)

    def _add(self, name: str, check: Callable[[Entry], str]) -> None:
        self._checks.append((name, check))

    def _add_equal(self, name: str, wanted: str, get: Callable[[Entry], str]) -> None:
        def check(entry: Entry) -> str:
            found = get(entry)
            return "" if found == wanted else f"its {name} is {quoted(found) if found else 'empty'}"

        self._add(f"{name}={wanted!r}", check)

    def _add_text(self, wanted: str | re.Pattern[str]) -> None:
        check_instance(wanted, "text", (str, re.Pattern), "text or a compiled regular expression")
        if isinstance(wanted, str):
            # Entries hold masked numbers, so a number that is looked for is masked as well.
            part = mask_all(wanted).casefold()
            self._add(f"text={wanted!r}", lambda entry: "" if part in entry.text.casefold() else "its text differs")
        else:
            if not isinstance(wanted.pattern, str):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
                raise wrong("text", "text or a compiled regular expression for text", wanted.pattern)
            self._add(f"text=/{wanted.pattern}/", lambda entry: "" if wanted.search(entry.text) else "its text differs")

    def _add_field(self, name: str, wanted: Json) -> None:
        check_text(name, "a name in where")
        wanted, _ = clean({name: wanted})

        def check(entry: Entry) -> str:
            if name not in entry.fields:
                return f"it has no field {quoted(name)}{nearest_name(name, entry.fields)}"
            found = entry.fields[name]
            return "" if found == wanted[name] else f"its field {name} is {cut(repr(found))}"

        self._add(f"where {name}={wanted[name]!r}", check)

    def _add_function(self, where: Callable[[Entry], object]) -> None:
        name = getattr(where, "__name__", type(where).__name__)
        self._add(f"where={name}", lambda entry: "" if where(entry) else f"{name} returned a false value")


def _kind(given: object) -> EntryKind:
    if isinstance(given, EntryKind):
        return given
    values = [kind.value for kind in EntryKind]
    if isinstance(given, str) and given in values:
        return EntryKind(given)
    near = nearest_name(given, values).removeprefix("; ").capitalize() if isinstance(given, str) else ""
    raise wrong("kind", f"an EntryKind, or one of {', '.join(values)}", given, near)


def _masked(number: str) -> str:
    return number if "•" in number else mask(number)
