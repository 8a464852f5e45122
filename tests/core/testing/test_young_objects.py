"""Garbage is looked for less often while a virtual loop runs, and as before after that."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from offhook.testing import run_virtual
from offhook.testing.young_objects import NEW_OBJECTS, rarely_collected

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True)
def threshold() -> Generator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 11, 12)
    yield
    gc.set_threshold(*before)


async def current() -> tuple[int, int, int]:
    return gc.get_threshold()


async def failing() -> None:
    raise ValueError


def test_only_while_the_loop_runs() -> None:
    assert run_virtual(current()) == (NEW_OBJECTS, 11, 12)
    assert gc.get_threshold() == (700, 11, 12)
    with pytest.raises(ValueError):
        run_virtual(failing())
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("first", [0, NEW_OBJECTS, NEW_OBJECTS + 1])
def test_what_is_rare_or_turned_off_stays_so(first: int) -> None:
    gc.set_threshold(first, 11, 12)
    assert run_virtual(current()) == (first, 11, 12)
    assert gc.get_threshold() == (first, 11, 12)


def test_what_was_set_meanwhile_stays() -> None:
    with rarely_collected():
        gc.set_threshold(900)
    assert gc.get_threshold()[0] == 900
