"""Reading JSON that another program wrote: an object, or an error that names the place and the problem."""

from __future__ import annotations

import json
from typing import Final, NoReturn, TypeAlias

from offhook.wording import printable

Json: TypeAlias = dict[str, object]
JsonValue: TypeAlias = Json | list[object] | str | float | None

#: The `field` of an error that concerns the whole message.
WHOLE = "message"
#: The longest `field` of an error.
_MOST_FIELD: Final = 80


class ProtocolError(ValueError):
    """A message does not follow the protocol; `field` names the place, for example ``ice.candidates[0].port``.

    Names come from the other side, so what is unprintable in `field` is escaped, and a long one is cut: the text has
    to fit into an answer.
    """

    def __init__(self, field: str, problem: str) -> None:
        field = printable(field[:_MOST_FIELD])[:_MOST_FIELD]
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
                raise ProtocolError(name, "must not occur twice")
            seen.add(name)
    return fields


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decode: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_not_json).decode


def load_object(text: str | bytes) -> Json:
    """Return the JSON object in `text`.

    Raises:
        ProtocolError: `text` is not a JSON object, a name occurs twice in one of its objects, or a text in it holds
            half of a surrogate pair, which could not be written to a socket, a file or a log.
    """
    value: JsonValue
    try:
        if not isinstance(text, str):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        value = _decode(text)
        if isinstance(value, dict) and not (text.isascii() and "\\u" not in text):
            json.dumps(value, ensure_ascii=False).encode()
    except ProtocolError:
        raise
    except UnicodeEncodeError:
        raise ProtocolError(WHOLE, "must not hold half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ProtocolError(WHOLE, f"must be a JSON object, and is not JSON at {place}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProtocolError(WHOLE, "must be a JSON object")
    return value
