"""The line of a traceback that its author looks at first: the innermost that is neither the core's nor Python's."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from offhook.errors import SpecError
from offhook.plugin.isolation import author_line
from offhook.plugin.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Callable


def raised(doing: Callable[[], object]) -> BaseException:
    with pytest.raises((ValueError, SpecError)) as caught:
        doing()
    return caught.value


def in_module(name: str, file: str, **names: object) -> Callable[[], object]:
    """A function of the module `name`, whose second line calls `do`."""
    space: dict[str, object] = {"__name__": name, **names}
    exec(compile("def call():\n    return do()\n", file, "exec"), space)
    call: Callable[[], object] = space["call"]  # type: ignore[assignment]
    return call


#: Fails in the standard library.
parse = partial(json.loads, "{")


def test_it_is_the_innermost_that_is_neither_the_cores_nor_pythons() -> None:
    assert author_line(raised(in_module("acme.chirp", "/somewhere/acme/chirp.py", do=parse))) == "chirp.py:2"
    core = partial(Spec.parse, "!")
    assert author_line(raised(in_module("offhook_acme", "/somewhere/offhook_acme.py", do=core))) == "offhook_acme.py:2"


def test_an_installed_package_below_the_standard_library_is_not_pythons() -> None:
    installed = json.__file__.replace("json/__init__.py", "site-packages/acme/chirp.py")
    assert author_line(raised(in_module("acme.chirp", installed, do=parse))) == "chirp.py:2"


def test_there_may_be_none() -> None:
    assert author_line(ValueError("never raised")) == ""
