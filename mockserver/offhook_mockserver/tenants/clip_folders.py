"""Where the clips of one mock are: below one private folder that is locked while the mock lives.

A mock that was killed leaves its folder behind, without the lock, and the next one deletes it. A process id in the name
would not do, because the system reuses ids, and containers that share the folder for temporary files have ids of their
own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

#: What the names of the folders begin with.
_PREFIX: Final = "offhook-clips-"
#: How often a folder is made that another mock takes for one that was left behind, before it was locked.
_ATTEMPTS: Final = 5


class ClipFolders:
    """The folders of one mock's tenants, in a folder that is made for the first of them and deleted with the last."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._lock = -1
        self._count = 0

    def make(self) -> Path:
        """A new folder, which only its owner can open.

        Raises:
            OSError: it cannot be made.
        """
        if self._root is None:
            delete_left_behind()
            self._root, self._lock = _locked_folder()
        self._count += 1
        try:
            return Path(tempfile.mkdtemp(dir=self._root))
        except OSError:
            self._let_go()
            raise

    def delete(self, folder: Path) -> None:
        """Delete a folder that `make` returned, with what is in it."""
        shutil.rmtree(folder, ignore_errors=True)
        self._let_go()

    def _let_go(self) -> None:
        self._count -= 1
        root, lock = self._root, self._lock
        if self._count == 0 and root is not None:
            self._root, self._lock = None, -1
            shutil.rmtree(root, ignore_errors=True)
            os.close(lock)


def delete_left_behind() -> None:
    """Delete the folders of mocks of this user that were killed. What cannot be deleted stays."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with _lock_of(folder) as lock:
            if lock is not None and os.fstat(lock).st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)


def _locked_folder() -> tuple[Path, int]:
    """A new folder, and a descriptor that keeps it locked.

    Raises:
        OSError: it cannot be made.
    """
    for _ in range(_ATTEMPTS):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))  # which makes it private
        with _lock_of(folder) as lock:
            if lock is not None and folder.exists():
                return folder, os.dup(lock)
        shutil.rmtree(folder, ignore_errors=True)
    raise OSError("a folder for clips cannot be locked")


@contextlib.contextmanager
def _lock_of(folder: Path) -> Generator[int | None]:
    """Lock a folder inside the `with` block; yields the descriptor, or None if it is locked or no folder of its own."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)
