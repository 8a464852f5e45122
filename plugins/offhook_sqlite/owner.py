"""Which stores are alive: each open one locks a file of its own, and the system unlocks it when the process dies.

A process id is not enough, since the system reuses ids. The lock is an ``flock``, which belongs to the open file, so
that two stores in one process are two owners. A forked child would hold its parent's locks after the parent has died,
so it closes those files at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids
from offhook.records import open_private

if TYPE_CHECKING:
    from pathlib import Path

#: The owners that are open in this process, so that a forked child can close their files.
_owners: Final[set[Owner]] = set()
#: The names of owners' files. Other files in the folder are left alone.
_NAME: Final = re.compile(r"[0-9a-f]{16}")


class Owner:
    """One opened store, alive until it is closed or its process dies.

    Args:
        folder: the folder of the owners' files; it must exist.

    Raises:
        OSError: the file cannot be made or locked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1
        self.name: str = ""
        while not self._take(Ids().hex(16)):
            pass
        _owners.add(self)

    def _take(self, name: str) -> bool:
        """Make and lock a file. Another store's `bury` may find it before it is locked, and remove it."""
        path = self._folder / name
        self._fd = open_private(path, os.O_RDWR | os.O_EXCL)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = os.stat(path).st_ino == os.fstat(self._fd).st_ino  # noqa: PTH116 - beside fstat
        except (BlockingIOError, FileNotFoundError):
            taken = False
        except OSError:  # a file system without locks
            self.forget()
            path.unlink(missing_ok=True)
            raise
        if not taken:
            self.forget()
            return False
        self.name = name
        return True

    def close(self) -> None:
        """Stop counting as alive. Idempotent."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            self.forget()
        _owners.discard(self)

    def forget(self) -> None:
        """Close the file. In a forked child, that leaves the parent's lock alone."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _forget_the_parent() -> None:
    for owner in tuple(_owners):
        owner.forget()


os.register_at_fork(after_in_child=_forget_the_parent)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the owner of that name is alive. Tries a shared lock, so that no caller takes another for the owner."""
    try:
        fd = os.open(folder / name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # no permission: better to miss an interrupted call than to mark one that goes on
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def bury(folder: Path) -> None:
    """Remove the files of dead owners."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and not is_alive(folder, path.name):
                path.unlink(missing_ok=True)
