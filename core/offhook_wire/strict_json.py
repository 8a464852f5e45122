"""Reading JSON that another program wrote: an object, or an error that names the place and the problem."""

from __future__ import annotations

import json
from typing import Final, TypeAlias

Json: TypeAlias = dict[str, object]
JsonValue: TypeAlias = Json | list[object] | str | float | None

#: The `field` of an error that concerns the whole message.
WHOLE = "message"


class ProtocolError(ValueError):
    """A message does not follow the protocol; `field` names the place, for example ``ice.candidates[0].port``."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem

    def within(self, place: str) -> ProtocolError:
        """The same error, seen from the object or the list that holds `place`."""
        separator = "." if self.field and not self.field.startswith("[") else ""
        return ProtocolError(f"{place}{separator}{self.field}", self.problem)


def _without_duplicates(pairs: list[tuple[str, object]]) -> Json:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()  # one pass: the text can be a peer's, with very many names
        for name, _ in pairs:
            if name in seen:
                raise ProtocolError(name[:64], "must not occur twice")
            seen.add(name)
    return fields


_decode: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates).decode


def load_object(text: str | bytes) -> Json:
    """Return the JSON object in `text`.

    Raises:
        ProtocolError: `text` is not a JSON object.
    """
    value: JsonValue
    try:
        value = _decode(text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass"))
    except ProtocolError:
        raise
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(WHOLE, "must be a JSON object")
    return value
