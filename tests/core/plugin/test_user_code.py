"""Which line of a traceback is the user's."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy
from offhook.errors import ConfigError
from offhook.plugin.user_code import cut_traceback, line_of

if TYPE_CHECKING:
    from collections.abc import Callable

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


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def raised_by(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_an_error_of_ours_keeps_the_users_frames_alone() -> None:
    error = cut_traceback(raised_by(bad_policy))
    assert frames(error) == ["raised_by", "bad_policy"]
    assert isinstance(error, ConfigError)


def test_an_error_of_another_library_keeps_all_below_the_users_line() -> None:
    error = cut_traceback(raised_by(lambda: json.loads("{")))
    assert frames(error)[:2] == ["raised_by", "<lambda>"]
    assert frames(error)[-1] == "raw_decode"


def test_a_cause_keeps_nothing_that_the_user_had_no_part_in() -> None:
    def fails() -> None:
        try:
            bad_policy()
        except ConfigError as error:
            error.__cause__ = created
            raise ValueError("of the program") from error

    created = OSError("refused")
    created.__traceback__ = _trace_of_ours()
    created.__context__ = created  # a loop does not hang it
    error = cut_traceback(raised_by(fails))
    assert frames(error) == ["raised_by", "fails"]
    assert error.__cause__ is not None
    assert frames(error.__cause__) == ["fails", "bad_policy"]
    assert error.__cause__.__cause__ is created
    assert created.__traceback__ is None


def test_the_frames_of_an_installed_library_are_not_the_users() -> None:
    source = "def library_that_calls_offhook(act):\n    act()\n"
    library: dict[str, object] = {"__name__": "library"}
    exec(compile(source, "/x/site-packages/library.py", "exec"), library)
    trace = raised_by(lambda: library["library_that_calls_offhook"](bad_policy)).__traceback__  # type: ignore[operator]
    while trace is not None and trace.tb_frame.f_code.co_name != "library_that_calls_offhook":
        trace = trace.tb_next
    assert trace is not None
    # Only the library's frame, and what is below without the user's.
    error = ConfigError("of ours").with_traceback(TracebackType(None, trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
    assert frames(cut_traceback(error)) == []


def test_a_mistake_of_ours_keeps_all_frames() -> None:
    error = OSError("a bug")
    error.__traceback__ = trace = _trace_of_ours()
    cut_traceback(error)
    assert len(frames(error)) == len(list(traceback.walk_tb(trace)))


def _trace_of_ours() -> TracebackType | None:
    """The frames of an error of ours, without those of the test."""
    trace = raised_by(bad_policy).__traceback__
    while trace is not None and not trace.tb_frame.f_globals["__name__"].startswith("offhook."):
        trace = trace.tb_next
    return trace
