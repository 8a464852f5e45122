"""Identifiers: repeatable from a seed, unpredictable without one."""

from __future__ import annotations

import re

import pytest

from offhook.errors import ConfigError
from offhook.interfaces.ids import Ids


def test_a_seed_repeats_everything() -> None:
    def draw(ids: Ids) -> list[object]:
        return [ids.call_id(), ids.hex(8), ids.below(10), ids.uint32(), ids.fraction()]

    assert draw(Ids(1)) == draw(Ids(1)) != draw(Ids(2))
    assert draw(Ids("a")) == draw(Ids("a"))


def test_without_a_seed_nothing_repeats() -> None:
    assert len({Ids().call_id() for _ in range(100)}) == 100


def test_shapes() -> None:
    ids = Ids(3)
    for _ in range(200):
        assert re.fullmatch(r"call_[0-9a-f]{12}", ids.call_id())
        assert re.fullmatch(r"[0-9a-f]{3}", ids.hex(3))
        assert 0 <= ids.uint32() < 2**32
        assert 0 <= ids.fraction() < 1
    assert {ids.below(3) for _ in range(100)} == {0, 1, 2}


def test_a_seed_that_cannot_be_encoded_is_refused() -> None:
    assert Ids("Grüße").hex(4) == Ids("Grüße").hex(4)
    with pytest.raises(ConfigError, match="seed must be text without half of a surrogate pair"):
        Ids("\ud800")
