"""Which code is the user's: what is neither this project's nor Python's, and best not an installed library's."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FrameType


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
    others = [
        index
        for index, frame in enumerate(frames)
        if package_of(frame) not in _OURS and not is_pythons(frame.f_code.co_filename)
    ]
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


def is_installed(file: str) -> bool:
    """Whether a file belongs to an installed library."""
    return any(folder in file for folder in _INSTALLED)
