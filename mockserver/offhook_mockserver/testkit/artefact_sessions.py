"""Where artefacts are kept when no folder is chosen: below the root of the tests, one folder for each session."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from offhook_mockserver.testkit.artefacts import remove_artefacts

if TYPE_CHECKING:
    from pathlib import Path

#: The name of the folder, below the root of the tests.
ARTIFACTS: Final = "offhook-artifacts"
#: The sessions whose folders are kept, the present one included.
_MOST_SESSIONS: Final = 3
#: The name of a session: its time and the process.
_SESSION: Final = re.compile(r"\d{8}-\d{6}-\d+")


def session_folder(root: Path, session: str) -> Path:
    """Make the folder of a session, and remove those of the oldest sessions.

    Args:
        root: the root of the tests.
        session: the name of the session: ``YYYYMMDD-HHMMSS`` and the id of its process.

    Returns:
        The folder. If it cannot be made, writing into it says why.
    """
    base = root / ARTIFACTS
    folder = base / session
    if not folder.is_dir():
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True)
            (base / ".gitignore").write_text("*\n", encoding="utf-8")
            _remove_oldest(base)
    return folder


def forget_empty(folder: Path) -> None:
    """Remove the folder of a session if nothing is left in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_oldest(base: Path) -> None:
    sessions = sorted(path for path in base.iterdir() if _SESSION.fullmatch(path.name))
    for session in sessions[:-_MOST_SESSIONS]:
        for test in tuple(session.iterdir()):
            remove_artefacts(test)
        forget_empty(session)  # files of others stay, and with them their folder
