"""The face of the room: its names are imported when they are first used."""

from __future__ import annotations

import pytest

from offhook import cli


def test_every_name_of_the_face_is_there() -> None:
    assert [name for name in cli.__all__ if not hasattr(cli, name)] == []


def test_other_names_raise_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'offhook\.cli' has no attribute 'nope'"):
        cli.nope  # noqa: B018
