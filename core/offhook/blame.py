"""Where in somebody's code an error came from: the line that its author has to look at, by name and number alone."""

from __future__ import annotations

import sysconfig
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

#: Python's own modules. Those of plugins may be below it as well, in ``site-packages``.
_STANDARD_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_FROZEN: Final = "<frozen "
_OTHERS: Final = ("/site-packages/", "/dist-packages/")


def line_of(error: BaseException, packages: Collection[str]) -> str:
    """``chirp.py:31``, the innermost line of an error's traceback that is its author's; empty where there is none.

    Args:
        error: with its traceback.
        packages: the import names of plugins. Where no line is in one of them, it is the innermost that is neither
            offhook's nor Python's own.
    """
    theirs = found = ""
    step = error.__traceback__
    while step is not None:
        package = str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        file = step.tb_frame.f_code.co_filename
        if (package in packages or not is_ours(package)) and not _is_pythons(file):
            found = f"{PurePath(file).name}:{step.tb_lineno}"
            theirs = found if package in packages else theirs
        step = step.tb_next
    return theirs or found


def is_ours(package: str) -> bool:
    """Whether the import name `package` is of the kind that offhook's own have; a plugin's may be as well."""
    return package == "offhook" or package.startswith("offhook_")


def _is_pythons(file: str) -> bool:
    return file.startswith(_FROZEN) or (
        file.startswith(_STANDARD_LIBRARY) and not any(folder in file for folder in _OTHERS)
    )
