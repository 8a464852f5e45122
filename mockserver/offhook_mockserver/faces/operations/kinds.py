"""Kinds of values that fields of requests hold: each reads a value, and describes itself as JSON Schema.

What a kind reads and what its schema accepts are the same, so that clients that are generated from the document fit.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook.errors import NumberRejected
from offhook.interfaces import e164

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


#: JSON Schema, as in OpenAPI 3.1.
Schema: TypeAlias = "Mapping[str, object]"

#: How many values of a list are accepted, unless the kind says otherwise.
_MOST_ITEMS: Final = 1000
#: The longest text, unless the kind says otherwise. A body may have 64 KiB.
_MOST_TEXT: Final = 65_536
#: A number whose digits messages do not show; Python's `g` fails for whole numbers that no float can hold.
_MOST_SHOWN: Final = 10**20
_MOST_URL: Final = 2_048
_ANY_TEXT: Final = "pass a text"
_E164: Final = r"\+[1-9][0-9]{6,14}"
_EMAIL: Final = r"[^@\s]{1,64}@[^@\s]{1,190}"
#: E.164 with single separators, or ten digits of the USA with or without a 1 before them.
_PHONE: Final = re.compile(
    r"\+[1-9]([ .()-]{0,2}[0-9]){6,14}|(1[ .-]?)?(\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}"
)
_PHONE_HINT: Final = "pass an E.164 number, for example +14155550123, or a local number of the USA"
#: The longest text that the pattern fits: a plus sign and 15 digits, with two separators before each but the first.
_MOST_PHONE: Final = 44
_US_DIGITS: Final = 10
#: Of IPv6 addresses, that of this machine and those that are written out.
_HOST: Final = r"\[::1\]|\[([0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\]|[A-Za-z0-9._~%-]+"
_URL: Final = rf"https?://([A-Za-z0-9._~%!$&'()*+,;=:-]*@)?({_HOST})(:[0-9]{{1,5}})?([/?#][!-~]*)?"
#: The largest whole number that JSON can carry between all clients (RFC 8259, section 6).
MOST_WHOLE: Final = 2**53 - 1
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_BLANK_FOR_PLUS: Final = re.compile(r" +[1-9][0-9]{6,14}")
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class WrongValue(ValueError):
    """A value is not one of its kind; the text names the field and says what to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of values.

    Attributes:
        schema: which values of JSON are of this kind.
        read: called with a value of JSON and the name of its field; returns the value that handlers get, or raises
            `WrongValue`.
        hint: what to pass, for the message about a value that is missing.
        parse: turns a text of a query or of a path into the value of JSON that it means.
        textual: whether every text is accepted for it where placeholders are.
        relaxed: like `read`, where placeholders are accepted within the value; None if it holds no other values.
    """

    schema: Schema
    read: Callable[[object, str], object]
    hint: str
    parse: Callable[[str], object] = str
    textual: bool = False
    relaxed: Callable[[object, str], object] | None = None

    def accepted(self, value: object, name: str, *, lenient: bool) -> object:
        """Read a value; a lenient mock also accepts any text for a formatted one, as it is.

        Raises:
            WrongValue: the value is not of this kind.
        """
        if not lenient:
            return self.read(value, name)
        if self.textual and isinstance(value, str):
            try:
                return self.read(value, name)
            except WrongValue:
                return value
        return (self.relaxed or self.read)(value, name)


def text(
    *, least: int = 0, most: int = _MOST_TEXT, pattern: str = "", hint: str = _ANY_TEXT, exact: bool = False
) -> Kind:
    """Text of `least` to `most` characters that matches `pattern` as a whole.

    With `exact`, no other text is accepted where placeholders are: for what is sent on as it is, such as a header.
    """
    expression = re.compile(pattern) if pattern else None

    def read(value: object, name: str) -> object:
        if not isinstance(value, str):
            raise WrongValue(f"{name} must be a string" + ("" if hint == _ANY_TEXT else f": {hint}"))
        if not least <= len(value) <= most:
            raise WrongValue(f"{name} must have {least} to {most} characters, got {len(value)}")
        if expression is not None and not expression.fullmatch(value):
            raise WrongValue(f"{name} has the wrong form: {hint}")
        return value

    schema: dict[str, object] = {"type": "string", "maxLength": most}
    if least:
        schema["minLength"] = least
    if pattern:
        schema["pattern"] = f"^{pattern}$"
    return Kind(schema=schema, read=read, hint=hint, textual=not exact)


def _in_query(kind: Kind) -> Kind:
    """The same numbers, with a word about the plus sign, which is a blank in a query as clients write it."""

    def read(value: object, name: str) -> object:
        if isinstance(value, str) and _BLANK_FOR_PLUS.fullmatch(value):
            raise WrongValue(f"{name} begins with a blank where + must be: in a query, + is written %2B")
        return kind.read(value, name)

    return replace(kind, read=read)


e164_number: Final = _in_query(text(most=16, pattern=_E164, hint="pass an E.164 number, for example +14155550123"))
email: Final = text(most=254, pattern=_EMAIL, hint="pass an e-mail address")
url: Final = text(most=_MOST_URL, pattern=_URL, hint="pass a URL that begins with https:// or http://")


def _read_dialled(value: object, name: str) -> object:
    if not isinstance(value, str):
        raise WrongValue(f"{name} must be a string: {e164_number.hint}")
    try:
        return e164(value, name)
    except NumberRejected as error:
        raise WrongValue(f"{name}: {error.message}") from None


#: A number that may be dialled: an E.164 number that is not an emergency number.
dialled_number: Final = _in_query(
    Kind(schema=e164_number.schema, read=_read_dialled, hint=e164_number.hint, textual=True)
)


def whole(*, least: int = -MOST_WHOLE, most: int = MOST_WHOLE) -> Kind:
    """A whole number from `least` to `most`, by default any that clients can hold; 1.0 is one, as in the schema."""
    shown = (None if least == -MOST_WHOLE else least, None if most == MOST_WHOLE else most)
    hint = "pass a whole number" + _range(*shown)

    def read(value: object, name: str) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise WrongValue(f"{name} must be a whole number{_range(*shown)}")
        return _within(int(value), name, least, most)

    schema = {"type": "integer", **_limits(least, most)}
    return Kind(
        schema=schema, read=read, hint=hint, parse=lambda given: int(given) if _WHOLE.fullmatch(given) else given
    )


def number(*, least: float | None = None, most: float | None = None) -> Kind:
    """A number from `least` to `most`."""
    hint = "pass a number" + _range(least, most)

    def read(value: object, name: str) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise WrongValue(f"{name} must be a number{_range(least, most)}")
        return _within(value, name, least, most)

    schema = {"type": "number", **_limits(least, most)}
    return Kind(
        schema=schema, read=read, hint=hint, parse=lambda given: float(given) if _NUMBER.fullmatch(given) else given
    )


def _read_flag(value: object, name: str) -> object:
    if not isinstance(value, bool):
        raise WrongValue(f"{name} must be true or false")
    return value


flag: Final = Kind(
    schema={"type": "boolean"},
    read=_read_flag,
    hint="pass true or false",
    parse=lambda given: {"true": True, "false": False}.get(given, given),
)


def _read_null(value: object, name: str) -> object:
    if value is not None:
        raise WrongValue(f"{name} must be null")
    return None


null: Final = Kind(schema={"type": "null"}, read=_read_null, hint="pass null")


def _read_object(value: object, name: str) -> object:
    if not isinstance(value, dict):
        raise WrongValue(f"{name} must be an object")
    return cast("object", value)


#: An object with any members.
any_object: Final = Kind(schema={"type": "object"}, read=_read_object, hint="pass an object")
#: Whatever JSON can hold.
anything: Final = Kind(schema={}, read=lambda value, name: value, hint="pass a value")


def one_of(*values: str) -> Kind:
    """One of some texts. There are no placeholders for it: clients know the texts."""
    hint = f"pass one of {', '.join(values)}"

    def read(value: object, name: str) -> object:
        if value not in values:
            raise WrongValue(f"{name} is not one of those that are known: {hint}")
        return value

    return Kind(schema={"type": "string", "enum": list(values)}, read=read, hint=hint)


def list_of(item: Kind, *, least: int = 0, most: int = _MOST_ITEMS) -> Kind:
    """A list of `least` to `most` values of one kind; in a query, separated by commas."""
    hint = "pass a list" + _range(least, most, " items")

    def read(value: object, name: str, *, lenient: bool = False) -> object:
        if not isinstance(value, list):
            raise WrongValue(f"{name} must be a list{_range(least, most, ' items')}")
        values = cast("list[object]", value)
        if not least <= len(values) <= most:
            raise WrongValue(f"{name} must have {least} to {most} items, got {len(values)}")
        return [item.accepted(each, f"{name}[{index}]", lenient=lenient) for index, each in enumerate(values)]

    schema: dict[str, object] = {"type": "array", "items": item.schema, "maxItems": most}
    if least:
        schema["minItems"] = least
    return Kind(
        schema=schema,
        read=read,
        hint=hint,
        parse=lambda given: [item.parse(each) for each in given.split(",")] if given else [],
        relaxed=partial(read, lenient=True),
    )


def either(*kinds: Kind) -> Kind:
    """A value of the first of these kinds that it is of."""
    hint = "; or ".join(kind.hint for kind in kinds)

    def read(value: object, name: str, *, lenient: bool = False) -> object:
        problems: list[str] = []
        for kind in kinds:
            try:
                return kind.accepted(value, name, lenient=lenient)
            except WrongValue as error:
                problems.append(str(error))
        raise WrongValue(_joined(problems))

    def parse(given: str) -> object:
        # The first kind that understands more of it than a text.
        return next((value for kind in kinds if (value := kind.parse(given)) != given), given)

    schema = {"anyOf": [kind.schema for kind in kinds]}
    return Kind(
        schema=schema,
        read=read,
        hint=hint,
        parse=parse,
        textual=any(kind.textual for kind in kinds),
        relaxed=partial(read, lenient=True),
    )


def _joined(problems: list[str]) -> str:
    """Several problems of one value as a sentence, with what they have in common once."""
    heads = {problem.partition(": ")[0] for problem in problems}
    if len(heads) == 1 and all(": " in problem for problem in problems):
        tails = dict.fromkeys(problem.partition(": ")[2] for problem in problems)
        return f"{heads.pop()}: {', or '.join(tails)}"
    return "; or ".join(dict.fromkeys(problems))


def _read_phone(value: object, name: str) -> object:
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise WrongValue(f"{name} must be a telephone number: {_PHONE_HINT}")
    digits = "".join(character for character in value if character.isdigit())
    if value.startswith("+"):
        return f"+{digits}"
    return f"+{digits}" if len(digits) > _US_DIGITS else f"+1{digits}"


#: A number in E.164, with or without separators, or a local number of the USA; handlers get it in E.164.
phone_number: Final = _in_query(
    Kind(
        schema={"type": "string", "pattern": f"^({_PHONE.pattern})$", "maxLength": _MOST_PHONE},
        read=_read_phone,
        hint=_PHONE_HINT,
        textual=True,
    )
)

#: Whom a message goes to: an E.164 number or an e-mail address.
contact: Final = either(e164_number, email)


def _read_time(value: object, name: str) -> object:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    seconds = None if found is None else _seconds_since_1970(found)
    if seconds is None:
        raise WrongValue(f"{name} must be a time as in ISO 8601, for example 2026-11-30T12:00:00Z")
    return seconds


def _seconds_since_1970(found: re.Match[str]) -> float | None:
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    hour, minute, second = (int(found[group] or 0) for group in (4, 5, 6))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second <= 60):
        return None
    if not 1 <= day <= _DAYS[month - 1] + (leap and month == 2):
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    days += sum(_DAYS[: month - 1]) + (leap and month > 2) + day - 1
    zone = found[8] or "Z"
    offset = 0 if zone in "Zz" else int(f"{zone[0]}1") * (int(zone[1:3]) * 60 + int(zone[4:]))
    return days * 86_400 + hour * 3_600 + (minute - offset) * 60 + second + float(found[7] or 0)


#: A time as in RFC 3339, or a day; without an offset, in UTC. Handlers get seconds since 1970, so placeholders are not
#: accepted.
iso_8601: Final = Kind(
    schema={"type": "string", "format": "date-time"},
    read=_read_time,
    hint="pass a time as in ISO 8601, for example 2026-11-30T12:00:00Z",
)


def _range(least: float | None, most: float | None, unit: str = "") -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}{unit}" if not unit else f" of {least} to {most}{unit}"
    if least is not None:
        return f" of at least {least}{unit}"
    return "" if most is None else f" of at most {most}{unit}"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _within(value: float, name: str, least: float | None, most: float | None) -> float:
    if (least is not None and value < least) or (most is not None and value > most):
        got = f"{value:.20g}" if abs(value) < _MOST_SHOWN else "a number of more than 20 digits"
        raise WrongValue(f"{name} must be a number{_range(least, most)}, got {got}")
    return value


def _limits(least: float | None, most: float | None) -> dict[str, object]:
    limits: dict[str, object] = {}
    if least is not None:
        limits["minimum"] = least
    if most is not None:
        limits["maximum"] = most
    return limits
