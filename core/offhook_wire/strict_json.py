"""Reading JSON that somebody else wrote: every field has a type and a range, and what is wrong is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A field that belongs to the whole message.
WHOLE = "message"


class ProtocolError(ValueError):
    """A message is not what the protocol says; `field` names the place, for example ``ice.candidates[0].port``."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class Fields:
    """The fields of one JSON object. Read each that is known, then call `end`."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise ProtocolError(path or WHOLE, "must be an object")
        self._values = cast("dict[str, object]", value)
        self._path = path
        self._known: set[str] = set()

    @classmethod
    def of_text(cls, text: str | bytes) -> Fields:
        """The fields of a JSON text.

        Raises:
            ProtocolError: it is no JSON object.
        """
        try:
            return cls(cast("object", json.loads(text)))
        except (ValueError, RecursionError):
            raise ProtocolError(WHOLE, "must be a JSON object") from None

    def text(self, name: str, *, longest: int = 256) -> str:
        """A text of 1 to `longest` characters."""
        value = self._take(name)
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise ProtocolError(self._at(name), f"must be a text of 1 to {longest} characters")
        return value

    def optional_text(self, name: str, *, longest: int = 256) -> str:
        """A text of 1 to `longest` characters, or an empty one when it is null or not there."""
        if self._values.get(name) is None:
            self._known.add(name)
            return ""
        return self.text(name, longest=longest)

    def integer(self, name: str, lowest: int, highest: int) -> int:
        """An integer in ``lowest .. highest``."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ProtocolError(self._at(name), f"must be an integer from {lowest} to {highest}")
        return value

    def optional_integer(self, name: str, lowest: int, highest: int) -> int | None:
        """An integer in ``lowest .. highest``, or None when it is null or not there."""
        if self._values.get(name) is None:
            self._known.add(name)
            return None
        return self.integer(name, lowest, highest)

    def boolean(self, name: str) -> bool:
        """True or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise ProtocolError(self._at(name), "must be true or false")
        return value

    def nested(self, name: str) -> Fields:
        """An object inside."""
        return Fields(self._take(name), self._at(name))

    def objects(self, name: str, *, most: int) -> Iterator[Fields]:
        """A list of at most `most` objects."""
        value = self._take(name)
        if not isinstance(value, list):
            raise ProtocolError(self._at(name), "must be a list")
        items = cast("list[object]", value)
        if len(items) > most:
            raise ProtocolError(self._at(name), f"must be a list of at most {most}")
        for index, item in enumerate(items):
            yield Fields(item, f"{self._at(name)}[{index}]")

    def end(self) -> None:
        """Refuse what was not read.

        Raises:
            ProtocolError: there is a field more.
        """
        for name in self._values:
            if name not in self._known:
                raise ProtocolError(self._at(name[:64]), "is not a field of this message")

    def _take(self, name: str) -> object:
        self._known.add(name)
        if name not in self._values:
            raise ProtocolError(self._at(name), "is missing")
        return self._values[name]

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
