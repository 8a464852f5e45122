"""The line that an author has to look at: their own, else one that is neither ours nor Python's."""

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
sdk = in_module("sdk.client", "/usr/lib/site-packages/sdk/client.py", do=parse)


def test_it_is_the_innermost_of_the_plugins_own_package() -> None:
    error = raised(in_module("acme.chirp", "/somewhere/acme/chirp.py", do=sdk))
    assert author_line(error, {"acme"}) == "chirp.py:2"


def test_without_one_it_is_the_innermost_that_is_not_pythons() -> None:
    error = raised(in_module("acme.chirp", "/somewhere/acme/chirp.py", do=in_module("sdk", "sdk.py", do=parse)))
    assert author_line(error, {"other"}) == "sdk.py:2"


def test_what_is_installed_below_the_standard_library_is_not_pythons() -> None:
    installed = json.__file__.replace("json/__init__.py", "site-packages/acme/chirp.py")
    assert author_line(raised(in_module("acme.chirp", installed, do=parse)), ()) == "chirp.py:2"


def test_ours_is_not_told_and_there_may_be_none() -> None:
    ours = in_module("offhook_audio.wav", "wav.py", do=partial(Spec.parse, "!"))
    error = raised(in_module("acme", "acme.py", do=ours))
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without this file's own
    assert author_line(error, ()) == "acme.py:2"
    assert author_line(error, {"offhook_audio"}) == "wav.py:2", "a plugin may be called so"
    assert author_line(ValueError("never raised"), {"acme"}) == ""
