"""JSON messages as data: a frozen dataclass declares a message, and one reader and one writer serve all of them.

The order of the fields is their order on the wire. Their annotations say what the wire may hold:

- ``bool``, an `Enum` of texts, ``Literal["one", "two"]``, or another `Message`, which is an object
- ``Annotated[int, Range(1, 9)]``
- ``Annotated[str, Text(64)]``, or ``Annotated[Secret, Text(64)]``, whose text is in the clear on the wire
- ``Annotated[tuple[SomeMessage, ...], Items(1, 8)]``
- one of these with ``| None``: absent and null are read as the default; None is written as null

Annotations are read at run time: import their names outside `TYPE_CHECKING`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import partial
from types import NoneType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from offhook.secret import Secret
from offhook_wire.strict_json import Json, JsonValue, ProtocolError, load_object

_Read: TypeAlias = Callable[[Any], Any]

#: A placeholder in source. No name can contain it, since `repr` escapes it.
_IT: Final = "\0"
_dump: Final = json.JSONEncoder(separators=(",", ":")).encode


class Message:
    """Base of all messages. A subclass is a dataclass with ``frozen=True, slots=True``.

    Attributes:
        TYPE: the value of the field ``type``, which comes first. The field is absent when this is None, and in an
            object inside another message.
        OPEN: ignore unknown fields when reading.
    """

    __slots__ = ()
    TYPE: ClassVar[str | None] = None
    OPEN: ClassVar[bool] = False

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a message of this class.

        Raises:
            ProtocolError: `text` is not such a message.
        """
        fields = load_object(text)
        if cls.TYPE is not None and fields.pop("type", None) != cls.TYPE:
            raise ProtocolError("type", f"must be {cls.TYPE}")
        message: Self = _codecs[cls].read(fields)
        return message

    def to_json(self) -> Json:
        """The JSON object, in the order of the wire. The texts of secrets are in the clear in it."""
        return _codecs[type(self)].write(self)

    def to_text(self) -> str:
        """The JSON text."""
        return _dump(_codecs[type(self)].write(self))

    def check(self) -> None:
        """Called for each message that was read; raises `ProtocolError` for fields that contradict one another."""


_M = TypeVar("_M", bound=Message)


def one_of(kinds: Iterable[type[_M]]) -> Callable[[str | bytes], _M]:
    """Return a reader of messages that differ in their ``type``; it raises `ProtocolError`.

    Args:
        kinds: their classes, for example ``get_args`` of a union.
    """
    codecs = {str(kind.TYPE): _codecs[kind] for kind in kinds}
    must_be = _must_be(codecs)

    def parse(text: str | bytes) -> _M:
        fields = load_object(text)
        kind = fields.pop("type", None)
        if not isinstance(kind, str) or kind not in codecs:
            raise ProtocolError("type", must_be)
        message: _M = codecs[kind].read(fields)
        return message

    return parse


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """An integer in ``lowest .. highest``."""

    lowest: int
    highest: int

    def read(self, value: object) -> int:
        if type(value) is not int or not self.lowest <= value <= self.highest:
            raise ProtocolError("", f"must be an integer from {self.lowest} to {self.highest}")
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to `longest` characters."""

    longest: int = 256

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.longest:
            raise ProtocolError("", f"must be a text of 1 to {self.longest} characters")
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """A list of `least` to `most` objects."""

    least: int
    most: int

    def read(self, read_item: _Read, value: JsonValue) -> tuple[object, ...]:
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            raise ProtocolError("", f"must be a list of {self.least} to {self.most} objects")
        items: list[object] = []
        try:
            for item in value:
                items.append(read_item(item))  # noqa: PERF401 - on an error, len(items) is the index of the bad item
        except ProtocolError as error:
            raise error.within(f"[{len(items)}]") from None
        return tuple(items)


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """The name of a field on the wire, if it differs from the attribute's name."""

    text: str


class Mark(Enum):
    """What else ``Annotated`` may say of a field."""

    #: The field is not written while it is empty; absent and null are read as the default.
    OMITTED = auto()
    #: The field is a message, and on the wire its fields stand among those of the message that holds it.
    INLINE = auto()


class _Codec:
    """How one class is read and written."""

    def __init__(self, kind: type[Message]) -> None:
        self._kind = kind
        self._open = kind.OPEN
        self._check = None if kind.check is Message.check else kind.check
        self._required: list[tuple[str, str, _Read]] = []
        self._optional: list[tuple[str, str, _Read]] = []
        self._inline: list[tuple[str, _Codec]] = []
        self._names: set[str] = set()
        #: The entries of a dict display; `_IT` stands for the message.
        self.source: str = ""
        hints = get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(cast("Any", kind)):
            self._declare(field, hints[field.name])
        #: The number of fields if none is optional, else -1.
        self._exactly: int = len(self._names)
        if self._optional or any(codec._exactly < 0 for _, codec in self._inline):
            self._exactly = -1
        type_entry = "" if kind.TYPE is None else f"'type': {kind.TYPE!r}, "
        # Compiled, like the methods of dataclasses: a loop over the fields takes twice the time.
        self.write: Callable[[Message], Json] = eval(f"lambda it: {{{type_entry}{self.source.replace(_IT, 'it')}}}")

    def _declare(self, field: dataclasses.Field[Any], hint: Any) -> None:
        optional = NoneType in get_args(hint)
        hint = get_args(hint)[0] if optional else hint
        base, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        value = f"{_IT}.{field.name}"
        if Mark.INLINE in marks:
            codec = _codecs[base]
            self._inline.append((field.name, codec))
            self._names |= codec._names
            self.source += codec.source.replace(_IT, value)
            return
        name = next((mark.text for mark in marks if isinstance(mark, Name)), field.name)
        bounds = next((mark for mark in marks if isinstance(mark, Range | Text | Items)), None)
        read, written = _read_and_written(base, bounds, value)
        fields = self._optional if optional or Mark.OMITTED in marks else self._required
        fields.append((field.name, name, read))
        self._names.add(name)
        if optional and written != value:
            written = f"None if {value} is None else {written}"
        entry = f"{name!r}: {written}, "
        self.source += f"**({{{entry}}} if {value} else {{}}), " if Mark.OMITTED in marks else entry

    def read(self, value: JsonValue) -> Any:
        if not isinstance(value, dict):
            raise ProtocolError("", "must be an object")
        message = self._read_fields(value)
        # All required fields were there; if there are no more, none is unknown.
        if not self._open and len(value) != self._exactly and not value.keys() <= self._names:
            unknown = next(name for name in value if name not in self._names)
            raise ProtocolError(unknown, "is not a field of this message")
        return message

    def _read_fields(self, fields: Json) -> Message:
        values: dict[str, object] = {}
        name = ""
        try:
            for attribute, name, read in self._required:
                values[attribute] = read(fields[name])
            for attribute, name, read in self._optional:
                if fields.get(name) is not None:
                    values[attribute] = read(fields[name])
        except ProtocolError as error:
            raise error.within(name) from None
        except KeyError:
            raise ProtocolError(name, "is missing") from None
        for attribute, codec in self._inline:
            values[attribute] = codec._read_fields(fields)
        message = self._kind(**values)
        if self._check is not None:
            self._check(message)
        return message


class _Codecs(dict[type[Message], _Codec]):
    def __missing__(self, kind: type[Message]) -> _Codec:
        self[kind] = _Codec(kind)
        return self[kind]


_codecs: Final = _Codecs()


def _read_and_written(base: Any, bounds: Range | Text | Items | None, value: str) -> tuple[_Read, str]:
    """Return the reader of a field, and the source of what is written for `value`."""
    match bounds:
        case Items():
            codec = _codecs[get_args(base)[0]]
            return partial(bounds.read, codec.read), f"[{{{codec.source.replace(_IT, 'item')}}} for item in {value}]"
        case Text() if base is Secret:
            return lambda text: Secret(bounds.read(text)), f"{value}.reveal()"
        case Range() | Text():
            return bounds.read, value
        case None if base is bool:
            return _read_bool, value
        case None if get_origin(base) is Literal:
            return _choice({text: text for text in get_args(base)}), value
        case None if issubclass(base, Enum):
            return _choice({member.value: member for member in base}), f"{value}.value"
        case None if issubclass(base, Message):
            codec = _codecs[base]
            return codec.read, f"{{{codec.source.replace(_IT, value)}}}"
        case None:
            raise TypeError(f"a field of {base.__name__} needs bounds, for example Annotated[int, Range(0, 9)]")


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ProtocolError("", "must be true or false")
    return value


def _choice(choices: dict[str, Any]) -> _Read:
    must_be = _must_be(choices)

    def read(value: object) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ProtocolError("", must_be)
        return choices[value]

    return read


def _must_be(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"must be {', '.join(others)} or {last}" if others else f"must be {last}"
