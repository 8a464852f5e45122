"""Spec strings."""

from __future__ import annotations

import pytest

from offhook.errors import SpecError
from offhook.plugin.spec import Spec


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("wav:greeting.wav", "wav", "greeting.wav"),
        ("silence", "silence", ""),
        ("wav:C:\\a:b.wav", "wav", "C:\\a:b.wav"),
        ("a-b_2:x", "a-b_2", "x"),
    ],
)
def test_a_spec_is_split_at_the_first_colon(text: str, name: str, argument: str) -> None:
    spec = Spec.parse(text)
    assert (spec.name, spec.argument) == (name, argument)
    assert str(spec) == text


@pytest.mark.parametrize("text", ["", ":x", "greeting.wav", "1a", "a b:c", "../x", "wav\n:x", "ä"])
def test_an_invalid_spec_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(SpecError, match=r"is not a spec: write NAME or NAME:ARGUMENT, for example wav:greeting\.wav"):
        Spec.parse(text)


@pytest.mark.parametrize(("text", "name"), [("Wav:x", "wav"), ("None", "none"), ("SQLITE:/a/B.db", "sqlite")])
def test_a_name_in_capitals_is_rejected_with_the_name_in_lower_case(text: str, name: str) -> None:
    with pytest.raises(SpecError, match=f"names are in lower case, so write {name}$"):
        Spec.parse(text)
