"""Messages as data: what each annotation reads and writes, and what an error names."""

# Annotations of messages are read at run time: no `from __future__ import annotations` here.
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Literal, get_args

import pytest

from offhook.secret import Secret
from offhook_wire.message import Items, Mark, Message, Name, Range, Text, one_of
from offhook_wire.strict_json import ProtocolError

SmallText = Annotated[str, Text(4)]


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Point(Message):
    x: Annotated[int, Range(-1, 9)]

    def check(self) -> None:
        if self.x == 8:
            raise ProtocolError("x", "must not be 8")


@dataclass(frozen=True, slots=True)
class Corner(Message):
    inside: Point


@dataclass(frozen=True, slots=True)
class Labelled(Message):
    label: SmallText | None = None


@dataclass(frozen=True, slots=True)
class Holder(Message):
    x: Annotated[int, Range(0, 9)]
    labelled: Annotated[Labelled, Mark.INLINE]


@dataclass(frozen=True, slots=True)
class Everything(Message):
    TYPE = "everything"

    flag: bool
    color: Color
    kind: Literal["one", "two"]
    small: SmallText
    renamed: Annotated[str, Text(4), Name("@other")]
    token: Annotated[Secret, Text(8)]
    point: Point
    points: Annotated[tuple[Point, ...], Items(1, 3)]
    maybe: SmallText | None = None
    maybe_secret: Annotated[Secret, Text(8)] | None = None
    maybe_point: Point | None = None
    omitted: Annotated[str, Text(4), Mark.OMITTED] = ""
    corner: Annotated[Corner, Mark.INLINE] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Tolerant(Message):
    OPEN = True

    x: Annotated[int, Range(0, 9)] = 0


@dataclass(frozen=True, slots=True)
class Nothing(Message):
    TYPE = "nothing"


parse = one_of(get_args(Everything | Nothing))

PLAIN = Everything(
    True, Color.BLUE, "two", "text", "name", Secret("token"), Point(1), (Point(2), Point(3)), corner=Corner(Point(4))
)
NULLS = '"maybe":null,"maybe_secret":null,"maybe_point":null'
TEXT = (
    '{"type":"everything","flag":true,"color":"blue","kind":"two","small":"text","@other":"name","token":"token",'
    '"point":{"x":1},"points":[{"x":2},{"x":3}],'
    f'{NULLS},"inside":{{"x":4}}}}'
)


def test_every_kind_of_field_is_written_and_read() -> None:
    assert PLAIN.to_text() == TEXT
    for read in (parse(TEXT), Everything.parse(TEXT.encode())):
        assert isinstance(read, Everything)
        assert read.token.matches("token")
        assert read.to_text() == TEXT


def test_optional_fields_with_a_value() -> None:
    text = TEXT.replace(
        NULLS,
        '"maybe":"a","maybe_secret":"b","maybe_point":{"x":5},"omitted":"c"',
    )
    read = Everything.parse(text)
    assert (read.maybe, read.maybe_point, read.omitted) == ("a", Point(5), "c")
    assert read.to_text() == text


def test_an_optional_field_may_be_absent_or_null() -> None:
    text = TEXT.replace(NULLS, '"omitted":null')
    assert Everything.parse(text).to_text() == TEXT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"type":"everything",', "", "type must be everything or nothing"),
        ('"type":"everything"', '"type":"other"', "type must be everything or nothing"),
        ('"type":"everything"', '"type":["everything"]', "type must be everything or nothing"),
        ('"flag":true', '"flag":1', "flag must be true or false"),
        ('"flag":true,', "", "flag is missing"),
        ('"color":"blue"', '"color":"green"', "color must be red or blue"),
        ('"kind":"two"', '"kind":{}', "kind must be one or two"),
        ('"small":"text"', '"small":"texts"', "small must be a text of 1 to 4 characters"),
        ('"small":"text"', '"small":""', "small must be a text of 1 to 4 characters"),
        ('"@other":"name"', '"@other":null', "@other must be a text of 1 to 4 characters"),
        ('"token":"token"', '"token":"too long a token"', "token must be a text of 1 to 8 characters"),
        ('"point":{"x":1}', '"point":{"x":true}', "point.x must be an integer from -1 to 9"),
        ('"point":{"x":1}', '"point":{"x":-2}', "point.x must be an integer from -1 to 9"),
        ('"point":{"x":1}', '"point":{"x":1.0}', "point.x must be an integer from -1 to 9"),
        ('"point":{"x":1}', '"point":{"x":1,"y":2}', "point.y is not a field of this message"),
        ('"point":{"x":1}', '"point":{"type":"point","x":1}', "point.type is not a field of this message"),
        ('"point":{"x":1}', '"point":[]', "point must be an object"),
        ('"point":{"x":1}', '"point":{"x":8}', "point.x must not be 8"),
        ('{"x":3}]', '{"x":10}]', "points[1].x must be an integer from -1 to 9"),
        ('{"x":3}]', "3]", "points[1] must be an object"),
        ('[{"x":2},{"x":3}]', "[]", "points must be a list of 1 to 3 objects"),
        ('[{"x":2},{"x":3}]', '[{"x":2},{"x":3},{"x":3},{"x":3}]', "points must be a list of 1 to 3 objects"),
        ('[{"x":2},{"x":3}]', "{}", "points must be a list of 1 to 3 objects"),
        ('"maybe":null', '"maybe":5', "maybe must be a text of 1 to 4 characters"),
        ('"inside":{"x":4}', '"inside":{}', "inside.x is missing"),
        ('"inside":{"x":4}', '"inside":{"x":4},"corner":{}', "corner is not a field of this message"),
    ],
)
def test_an_error_names_the_field_and_what_is_wrong(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(ProtocolError) as caught:
        parse(TEXT.replace(old, new))
    assert str(caught.value) == message
    assert caught.value.field == message.split(" ")[0]


def test_an_unknown_field_is_named_when_an_optional_one_is_absent() -> None:
    with pytest.raises(ProtocolError, match=r"^more is not a field"):
        Everything.parse(TEXT.replace('"maybe":null', '"more":null'))


def test_an_unknown_field_is_named_when_an_optional_inline_one_is_absent() -> None:
    assert Holder.parse('{"x":1}') == Holder(1, Labelled())
    with pytest.raises(ProtocolError, match=r"^more is not a field"):
        Holder.parse('{"x":1,"more":2}')


def test_an_open_message_ignores_unknown_fields() -> None:
    assert Tolerant.parse('{"x":1,"y":2}') == Tolerant(1)


def test_a_message_of_another_type_is_rejected() -> None:
    for text in ('{"type":"everything"}', "{}"):
        with pytest.raises(ProtocolError, match=r"^type must be nothing$"):
            Nothing.parse(text)


def test_a_field_without_bounds_cannot_be_declared() -> None:
    @dataclass(frozen=True, slots=True)
    class Unbounded(Message):
        number: int

    with pytest.raises(TypeError, match="needs bounds"):
        Unbounded(1).to_json()
