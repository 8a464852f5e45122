"""Which line of a traceback is the user's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offhook import CallPolicy
from offhook.errors import ConfigError
from offhook.plugin.user_code import line_of

HERE = Path(__file__).relative_to(Path.cwd())


def bad_policy() -> None:
    CallPolicy(stall_timeout_s=-1)


def test_it_is_the_innermost_one_that_is_neither_ours_nor_pythons() -> None:
    with pytest.raises(ConfigError) as raised:
        bad_policy()
    assert line_of(raised.value) == f"{HERE}:{bad_policy.__code__.co_firstlineno + 1} in bad_policy"
    with pytest.raises(ValueError, match="Expecting") as other:
        json.loads("{")
    assert line_of(other.value).startswith(f"{HERE}:")


def test_an_error_that_was_never_raised_has_none() -> None:
    assert line_of(ValueError()) == ""
