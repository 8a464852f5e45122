"""Who is alive: every opened store holds a lock on a file of its own, which the system frees when the process dies.

A process id would not do, since they are used again. The lock is an ``flock``, which belongs to the open file, so that
two stores in one process are two owners. A child that a process forks would hold its parent's locks beyond the parent's
death, so it lets go of them at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import TYPE_CHECKING, Final

from offhook.interfaces import Ids

if TYPE_CHECKING:
    from pathlib import Path

#: Those that are open, so that a child finds their files.
_owners: Final[set[Owner]] = set()
#: What their files are called. Whatever else is in a folder of that name is somebody else's.
_NAME: Final = re.compile(r"[0-9a-f]{16}")


class Owner:
    """One opened store, alive until it is closed or its process dies.

    Args:
        folder: where owners have their files; it must be there.

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
        """Make and lock a file. Whoever looks for the dead may find it before it is locked, and take it away."""
        path = self._folder / name
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
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
        """Be alive no longer. Idempotent."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            self.forget()
        _owners.discard(self)

    def forget(self) -> None:
        """Close the file; in a child, the parent's lock is not touched by that."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _forget_the_parent() -> None:
    for owner in tuple(_owners):
        owner.forget()


os.register_at_fork(after_in_child=_forget_the_parent)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the owner of that name lives. It asks for a shared lock, so that two who ask do not meet each other."""
    try:
        fd = os.open(folder / name, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # it may not be looked at: rather a call too many that goes on than one that is cut
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def bury(folder: Path) -> None:
    """Take away the files of the dead."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and not is_alive(folder, path.name):
                path.unlink(missing_ok=True)
