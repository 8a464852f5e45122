"""Which code is the user's: what is neither this project's nor Python's, and best not an installed library's."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.errors import OffhookError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FrameType


_E = TypeVar("_E", bound=BaseException)

#: The packages of this project; a plugin of somebody else, ``offhook_acme`` for example, is the user's code.
_OURS: Final = frozenset(
    {
        "offhook",
        "offhook_aiortc",
        "offhook_audio",
        "offhook_jsonl",
        "offhook_mock_pytest",
        "offhook_mockserver",
        "offhook_pytest",
        "offhook_sendblue",
        "offhook_sqlite",
        "offhook_wire",
    }
)
_STANDARD_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")


class StandIn:
    """A part that the core makes from an object of the user's code, such as a function or a generator.

    Attributes:
        stands_for: the name of that object; errors of the part name it.
    """

    stands_for: str


def name_in_code(thing: object) -> str:
    """The dotted name of a function or a generator, or else of an object's class."""
    named = thing if isinstance(getattr(thing, "__qualname__", None), str) else type(thing)
    frame: object = getattr(thing, "gi_frame", None) or getattr(thing, "ag_frame", None)
    module = frame.f_globals.get("__name__") if inspect.isframe(frame) else getattr(named, "__module__", None)
    return f"{module or '?'}.{getattr(named, '__qualname__', '?')}"


def is_pythons(file: str) -> bool:
    """Whether a file is part of Python; installed packages can be below the standard library's folder as well."""
    in_library = file.startswith(_STANDARD_LIBRARY) and not is_installed(file)
    return in_library or file.startswith("<frozen ")


def package_of(frame: FrameType) -> str:
    """The top package of the module that a frame runs in."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def users_frame(frames: Sequence[FrameType]) -> int | None:
    """The index of the innermost frame of the user's code, else of an installed library; None if there is neither.

    Args:
        frames: the outermost first.
    """
    others = [index for index, frame in enumerate(frames) if _is_foreign(frame)]
    users = [index for index in others if not is_installed(frames[index].f_code.co_filename)]
    return next((found[-1] for found in (users, others) if found), None)


def line_shown(code: CodeType, number: int) -> str:
    """``tests/test_bot.py:31 in script_for``; the path begins at the current folder if it is below that."""
    path, folder = Path(code.co_filename), Path.cwd()
    shown = os.fspath(path.relative_to(folder) if path.is_relative_to(folder) else path)
    return f"{shown}:{number} in {code.co_qualname}"


def line_of(error: BaseException) -> str:
    """The innermost line of the user's code in the traceback of an error, as `line_shown` shows it; empty for none."""
    lines = list(traceback.walk_tb(error.__traceback__))
    index = users_frame([frame for frame, _ in lines])
    return "" if index is None else line_shown(lines[index][0].f_code, lines[index][1])


def cut_traceback(error: _E) -> _E:
    """Remove this project's frames, and Python's, from the traceback of an error and of its causes.

    An error of the user's code keeps all that it passed below the user's innermost line. One of ours says what was
    wrong, so that nothing below that line is kept of it, and nothing of causes that the user's code had no part in.

    Returns:
        The error, for ``raise cut_traceback(error)``.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    ours = False  # whether this error, or the one that it caused, is ours
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        ours = ours or isinstance(link, OffhookError)
        link.__traceback__ = _cut(link.__traceback__, ours)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return error


def _cut(trace: TracebackType | None, ours: bool) -> TracebackType | None:
    steps: list[TracebackType] = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    inner = users_frame([step.tb_frame for step in steps])
    if inner is not None and is_installed(steps[inner].tb_frame.f_code.co_filename):
        inner = None
    below = steps if inner is None else steps[inner + 1 :]
    if ours and (inner is None or any(package_of(step.tb_frame) in _OURS for step in below)):
        below = []
    above = [] if inner is None else [step for step in steps[: inner + 1] if _is_foreign(step.tb_frame)]
    kept: TracebackType | None = None
    for step in reversed([*above, *below]):
        kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return kept


def _is_foreign(frame: FrameType) -> bool:
    """Whether a frame is neither this project's nor Python's."""
    return package_of(frame) not in _OURS and not is_pythons(frame.f_code.co_filename)


def is_installed(file: str) -> bool:
    """Whether a file belongs to an installed library."""
    return any(folder in file for folder in _INSTALLED)
