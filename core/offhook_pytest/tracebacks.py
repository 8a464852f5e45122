"""Leaves the frames of offhook out of the tracebacks of its own errors: a mistake is at the line of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import pytest

from offhook.errors import OffhookError
from offhook.plugin import cut_traceback

_T = TypeVar("_T")

if TYPE_CHECKING:
    from collections.abc import Iterator


def cut(call: pytest.CallInfo[_T]) -> None:
    """Cut the traceback of a phase of a test that failed, if an error of offhook is among its causes."""
    if call.excinfo is None:
        return
    error: BaseException = call.excinfo.value
    links = list(_links(error))
    if not any(isinstance(link, OffhookError) for link in links):
        return
    whole = error.__traceback__
    for member in (member for link in links for member in _members(link)):
        cut_traceback(member)
    if cut_traceback(error).__traceback__ is None:  # no line of the user's: then all of it is better than nothing
        error.__traceback__ = whole
    call.excinfo = pytest.ExceptionInfo[BaseException].from_exception(error)


def _links(error: BaseException) -> Iterator[BaseException]:
    """An error, what caused it, and the members of groups."""
    left: list[BaseException] = [error]
    seen: set[int] = set()
    while left:
        link = left.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        left += [each for each in (link.__cause__, link.__context__) if each is not None]
        left += _members(link)


def _members(error: BaseException) -> tuple[BaseException, ...]:
    """The errors in a group; none for any other error."""
    return cast("BaseExceptionGroup[BaseException]", error).exceptions if isinstance(error, BaseExceptionGroup) else ()
