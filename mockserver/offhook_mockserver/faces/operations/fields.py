"""The fields of a request, declared once: the declaration reads them, and describes them in the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qsl

from offhook.secret import MASK
from offhook.wording import nearest_name, quoted
from offhook_mockserver.faces.operations.kinds import Kind, WrongValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook.session import Grade
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.entry import Json


#: The members of a schema that say how certain it is that Sendblue does the same, and who says so.
GRADE: Final = "x-offhook-grade"
SOURCE: Final = "x-offhook-source"
#: Names and values in one query.
_MOST_PAIRS: Final = 100
#: How many fields an error lists where none is like the one that was sent.
_MOST_LISTED: Final = 4
#: The shortest name that is taken as a part of another.
_LEAST_ALIKE: Final = 3


class _Default(Enum):
    """The default of a field that is left out of the values if a request does not have it."""

    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request.

    Attributes:
        name: its name.
        kind: what its value is.
        required: whether a request must have it.
        default: its value where a request does not have it; by default, handlers do not get the field then.
        summary: what it is for, in one sentence.
        grade, source: how certain this field is, and who says so; by default, as the whole operation.
        secret: whether its value must not be in a journal.
    """

    name: str
    kind: Kind
    required: bool = False
    default: object = _Default.NOTHING
    summary: str = ""
    grade: Grade | None = None
    source: str = ""
    secret: bool = False

    @property
    def has_default(self) -> bool:
        """Whether handlers get a value when a request has none."""
        return self.default is not _Default.NOTHING

    @property
    def schema(self) -> Schema:
        """The kind of its value with what is known of the field."""
        more: dict[str, object] = {}
        if self.summary:
            more["description"] = self.summary
        if self.has_default and self.default is not None:
            more["default"] = self.default
        if self.grade is not None:
            more[GRADE] = self.grade.value
        if self.source:
            more[SOURCE] = self.source
        return {**self.kind.schema, **more}


class Fields:
    """The fields of a body, a query or a path.

    Args:
        fields: the fields.
        extra: whether others are accepted, and ignored.
        any_of: names of fields of which a request must have at least one that is not empty text; where placeholders are
            accepted, it may have none.
    """

    def __init__(self, *fields: Field, extra: bool = True, any_of: tuple[str, ...] = ()) -> None:
        self.fields: tuple[Field, ...] = fields
        self.extra: bool = extra
        self.any_of: tuple[str, ...] = any_of
        self._names = frozenset(field.name for field in fields)
        self._secrets = frozenset(field.name for field in fields if field.secret)

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def any_required(self) -> bool:
        """Whether a request must have one of them."""
        return bool(self.any_of) or any(field.required for field in self.fields)

    def read(self, given: Mapping[str, object], *, lenient: bool = False, place: str = "") -> dict[str, object]:
        """The values of the fields.

        Args:
            given: what the request has.
            lenient: whether any text is accepted for a formatted value.
            place: what names in messages begin with.

        Raises:
            WrongValue: a field is missing or wrong.
        """
        values: dict[str, object] = {}
        for field in self.fields:
            name = field.name
            if name in given:
                values[name] = field.kind.accepted(given[name], place + name, lenient=lenient)
            elif field.required:
                raise WrongValue(f"{place}{name} is missing: {field.kind.hint}{self._instead(name, given)}")
            elif field.has_default:
                values[name] = field.default
        if self.any_of and not lenient and not any(given.get(name, "") != "" for name in self.any_of):
            instead = self._instead(self.any_of[0], given)
            raise WrongValue(f"{place}{self.any_of[0]} is missing: pass {' or '.join(self.any_of)}{instead}")
        if not self.extra:
            for name in given:
                if name not in self._names:
                    near = nearest_name(name, self._names) or self._short_list()
                    raise WrongValue(f"{quoted(place + name)} is not a field of this request{near}")
        return values

    def _instead(self, missing: str, given: Mapping[str, object]) -> str:
        """What is said of a field that a request has in place of one that is missing; empty if there is none."""
        unknown = [name for name in given if name not in self._names]
        meant = next((name for name in unknown if _alike(name, missing)), None)
        if meant is not None:
            return f"; {quoted(meant)} is there, did you mean {missing}?"
        return "" if self.extra or not unknown else f"; {quoted(unknown[0])} is there, which is not a field"

    def _short_list(self) -> str:
        names = [field.name for field in self.fields]
        return f"; it has {' and '.join(names)}" if 0 < len(names) <= _MOST_LISTED else ""

    def read_texts(self, given: Mapping[str, str], *, lenient: bool = False) -> dict[str, object]:
        """The values of fields that arrive as text, in a path.

        Raises:
            WrongValue: a field is missing or wrong.
        """
        kinds = {field.name: field.kind for field in self.fields}
        parsed = {name: kinds[name].parse(value) if name in kinds else value for name, value in given.items()}
        return self.read(parsed, lenient=lenient)

    def read_pairs(self, pairs: Sequence[tuple[str, str]], *, lenient: bool = False) -> dict[str, object]:
        """The values of fields in a query, which `query_pairs` returned.

        Raises:
            WrongValue: a field is missing, wrong or given twice.
        """
        given: dict[str, str] = {}
        for name, value in pairs:
            if name in given and name in self._names:
                raise WrongValue(f"{name} is given twice: pass it once, several values with commas between")
            given[name] = value
        return self.read_texts(given, lenient=lenient)

    def noted(self, given: Mapping[str, object]) -> Mapping[str, Json]:
        """What a request has, for a journal: without the values of secret fields."""
        noted = given
        if not self._secrets.isdisjoint(given):
            noted = {name: MASK if name in self._secrets else value for name, value in given.items()}
        return cast("Mapping[str, Json]", noted)

    @property
    def schema(self) -> Schema:
        """An object with these fields."""
        schema: dict[str, object] = {
            "type": "object",
            "properties": {field.name: field.schema for field in self.fields},
        }
        if required := [field.name for field in self.fields if field.required]:
            schema["required"] = required
        if self.any_of:
            one = [{"required": [name], "properties": {name: {"not": {"const": ""}}}} for name in self.any_of]
            schema["allOf"] = [{"anyOf": one}]  # pages show the alternatives of an anyOf as fields of its own
        if not self.extra:
            schema["additionalProperties"] = False
        return schema


def _alike(name: str, known: str) -> bool:
    """Whether a name may have been meant for another: misspelt, cut, or written with other capitals."""
    plain, wanted = name.replace("_", "").lower(), known.replace("_", "").lower()
    within = len(plain) >= _LEAST_ALIKE and (plain in wanted or wanted in plain)
    return within or bool(nearest_name(plain, [wanted]))


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """The names and values in a query, in their order.

    Raises:
        WrongValue: it is not text, or has too many of them.
    """
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PAIRS)
    except ValueError:
        raise WrongValue(f"the query must be text in UTF-8, with at most {_MOST_PAIRS} fields") from None


#: No fields; others are accepted, and ignored.
NO_FIELDS: Final = Fields()


def object_of(fields: Fields) -> Kind:
    """A kind of values: objects with these fields."""

    def read(value: object, name: str, *, lenient: bool = False) -> object:
        if not isinstance(value, dict):
            raise WrongValue(f"{name} must be an object")
        return fields.read(cast("dict[str, object]", value), lenient=lenient, place=f"{name}.")

    return Kind(schema=fields.schema, read=read, hint="pass an object", relaxed=partial(read, lenient=True))
