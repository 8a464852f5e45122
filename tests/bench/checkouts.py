"""Older versions of offhook, to compare with in the same run: a commit of this repository in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

#: This version.
ROOT: Final = Path(__file__).resolve().parents[2]
#: The last commit before one process carried more calls.
BEFORE_MANY_CALLS: Final = "13a05c8"
_PACKAGES: Final = ("core", "mockserver", "plugins")


@contextlib.contextmanager
def checkout(commit: str) -> Generator[Path | None]:
    """Yield a folder with the commit, which is removed afterwards; None if this clone does not have it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "old")
        clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder)]
        fetch = ["git", "-C", str(folder), "checkout", "--quiet", commit]
        found = all(
            subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in (clone, fetch)
        )
        yield folder if found else None


def absent(commit: str) -> str:
    """What a row says if there is no such commit."""
    return f"the commit {commit} is not in this clone"


def imports_from(folder: Path) -> dict[str, str]:
    """The settings of a process that imports the offhook of a checkout."""
    return {"PYTHONPATH": os.pathsep.join(str(folder / package) for package in _PACKAGES)}
