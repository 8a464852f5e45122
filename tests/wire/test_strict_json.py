"""JSON of other programs: an object without duplicate names, or an error."""

from __future__ import annotations

import pytest

from offhook_wire.strict_json import ProtocolError, load_object


def test_an_object_is_read() -> None:
    text = '{"a": [1, {"b": null}]}'
    for written in (text, text.encode(), text.encode("utf-16")):
        assert load_object(written) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "[" * 100_000, "\udcff", b"\xff", "\ufeff{}", "{} {}"])
def test_texts_that_are_not_an_object_are_rejected(text: str | bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^message must be a JSON object(, and is not JSON at .*)?$"):
        load_object(text)


def test_the_place_where_a_text_is_not_json_is_named() -> None:
    with pytest.raises(ProtocolError, match=r"^message must be a JSON object, and is not JSON at line 2, column 9$"):
        load_object('{"a": 1,\n "b": 2 "c": 3}')


@pytest.mark.parametrize("text", ['{"uid":1,"uid":2}', '{"a":1,"list":[{"uid":1,"b":2,"uid":1}]}'])
def test_a_duplicate_name_is_rejected_and_named(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"^uid must not occur twice$") as caught:
        load_object(text)
    assert caught.value.field == "uid"


def test_one_duplicate_among_very_many_names_is_named() -> None:
    """Comparing each name with all others would take this test minutes."""
    names = [f"n{number}" for number in range(100_000)]
    fields = ",".join(f'"{name}":0' for name in [*names, names[-1]])
    with pytest.raises(ProtocolError, match=r"^n99999 must not occur twice$"):
        load_object(f"{{{fields}}}")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_json_are_rejected(constant: str) -> None:
    with pytest.raises(ProtocolError, match=r"^message must be a JSON object$"):
        load_object(f'{{"a": [{constant}]}}')


@pytest.mark.parametrize(
    "text",
    [
        r'{"\ud800": 1}',
        r'{"a": ["x\udfff"]}',
        '{"a": {"b": "\ud800"}}',
        '{"a": "\udc00"}'.encode("utf-8", "surrogatepass"),
        r'{"a": "\udc00\ud800"}',
    ],
)
def test_half_of_a_surrogate_pair_is_rejected_wherever_it_stands(text: str | bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^message must not hold half of a surrogate pair$"):
        load_object(text)


def test_whole_pairs_and_other_texts_are_read() -> None:
    assert load_object(r'{"a": "\ud83d\ude00", "b": "\u00e9", "c": "é", "d": "\\ud800"}') == {
        "a": "\U0001f600",
        "b": "é",
        "c": "é",
        "d": "\\ud800",
    }


def test_a_name_cannot_write_to_a_terminal() -> None:
    with pytest.raises(ProtocolError) as caught:
        load_object(r'{"\u001b]0;x\u0007\n": 1, "\u001b]0;x\u0007\n": 2}')
    assert str(caught.value) == r"\x1b]0;x\x07\n must not occur twice"
    assert caught.value.within("a\u202e").field == r"a\u202e.\x1b]0;x\x07\n"


@pytest.mark.parametrize("name", ["x" * 10_000, "\u202e" * 64, "\U000e0001" * 10_000])
def test_a_name_that_is_shown_fits_into_an_answer(name: str) -> None:
    error = ProtocolError(name, "must not occur twice").within("list[3]")
    assert f"{error}".isprintable()
    assert len(error.field) <= 80
    assert error.field.startswith("list[3].")
