"""Numbers: which are dialled, which are rejected, and how they are shown (F11)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import NumberRejected
from offhook.interfaces.emergency_numbers import EMERGENCY, is_emergency
from offhook.interfaces.numbers import e164, mask, mask_these
from offhook.wording import quoted


@pytest.mark.parametrize("number", ["+14155550123", "+4930123456", "+1234567", "+123456789012345"])
def test_an_e164_number_is_returned(number: str) -> None:
    assert e164(number) == number


@pytest.mark.fault("F11")
@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "4155550123",
        "14155550123",
        "+1 415 555 0123",
        "+1-415-555-0123",
        "+14155550123\n",
        "\n+14155550123",
        "+123456",
        "+1234567890123456",
        "+04155550123",
        "++14155550123",
        "+1415555012a",
        "+١٤١٥٥٥٥٠١٢٣",
        "+1415555012３",
        "tel:+14155550123",
        "+14155550123\x00",
    ],
)
def test_anything_else_is_rejected(number: str) -> None:
    with pytest.raises(NumberRejected, match=r"not an E\.164 number: write a plus sign"):
        e164(number)


@pytest.mark.fault("F11")
@pytest.mark.parametrize(
    "number",
    ["911", "+911", "+1911", "112", "+44999", "9-1-1", "+1 911", "10111", "+2710111", "+2710177", "+27 (0) 10111"],
)
def test_emergency_numbers_are_never_dialled(number: str) -> None:
    with pytest.raises(NumberRejected, match="emergency"):
        e164(number)


@pytest.mark.parametrize("code", sorted(EMERGENCY))
def test_a_country_code_does_not_hide_an_emergency_number_of_that_country(code: str) -> None:
    for number in EMERGENCY[code]:
        assert is_emergency(number)
        assert is_emergency(f"+{code}{number}")
        assert is_emergency(f"+{code} (0) {number}")


@pytest.mark.fault("F11")
@pytest.mark.parametrize(
    "number", ["+4910111", "+35510111", "+49999", "+33911", "+1415911", "+14155550911", "+493010111", "+22410111"]
)
def test_an_emergency_number_of_another_country_is_not_one(number: str) -> None:
    """+224 (Guinea) has none in the table."""
    assert not is_emergency(number)


@settings(max_examples=50)
@given(st.from_regex(r"\+[1-9][0-9]{10,14}", fullmatch=True))
def test_a_long_number_is_not_taken_for_an_emergency_number(number: str) -> None:
    assert e164(number) == number


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_accepted_numbers_are_ascii_digits(text: str) -> None:
    try:
        number = e164(text)
    except NumberRejected:
        return
    assert number.isascii()
    assert number[1:].isdigit()


def test_the_message_names_what_was_wrong() -> None:
    with pytest.raises(NumberRejected, match=r"the from number '12345' is not"):
        e164("12345", "from number")


def test_numbers_are_masked_in_the_middle() -> None:
    assert mask("+14155550123") == "+1415•••0123"
    assert mask("+1234567") == "+1•••67"


def test_a_number_that_begins_with_another_is_masked_as_a_whole() -> None:
    text = "from +14155550 to +14155550123"
    assert mask_these(text, "+14155550", None, "+14155550123") == "from +1•••50 to +1415•••0123"


def test_typed_text_is_quoted_safely() -> None:
    assert quoted("a\nb\x1b[31m") == r"'a\nb\x1b[31m'"
    assert quoted("x" * 41) == "'" + "x" * 37 + "...'"
    assert quoted("x" * 40) == "'" + "x" * 40 + "'"


def test_a_number_that_is_not_text_is_rejected_with_a_message() -> None:
    for number in (None, 14155550123):
        with pytest.raises(NumberRejected, match="must be text, such as"):
            e164(number)  # type: ignore[arg-type]
