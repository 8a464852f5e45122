"""Reading JSON that another program wrote: an object, or an error that names the place and the problem."""

from __future__ import annotations

import json
from typing import TypeAlias

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


def load_object(text: str | bytes) -> Json:
    """Return the JSON object in `text`.

    Raises:
        ProtocolError: `text` is not a JSON object.
    """
    value: JsonValue
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(WHOLE, "must be a JSON object")
    return value
