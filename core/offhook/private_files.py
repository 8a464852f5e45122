"""Makes files and folders that only their owner can open: they hold what people said, and keys.

The mode is right from the first moment, whatever the umask is. A file or folder that exists already keeps its mode.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder, and the folders above it that do not exist.

    Raises:
        OSError: it cannot be made, or is not a folder.
        ValueError: the path holds a NUL character.
    """
    try:
        folder.mkdir(_FOLDER_MODE)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_private_folder(folder.parent)
        folder.mkdir(_FOLDER_MODE, exist_ok=True)  # another process may have been first
    except OSError:
        if not folder.is_dir():
            raise
        return
    # The umask can only have taken permissions away from the owner.
    if stat.S_IMODE(folder.stat().st_mode) & _FOLDER_MODE != _FOLDER_MODE:
        with contextlib.suppress(OSError):  # a file system without modes
            folder.chmod(_FOLDER_MODE)


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file as `os.open` does, and make it if it does not exist; returns the descriptor.

    Args:
        path: the file.
        flags: as for `os.open`; ``os.O_EXCL`` rejects an existing file.

    Raises:
        OSError: it cannot be opened or made.
        ValueError: the path holds a NUL character.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags | os.O_CREAT, _FILE_MODE)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != _FILE_MODE:  # the umask takes permissions away
        with contextlib.suppress(OSError):  # a file system without modes
            os.fchmod(descriptor, _FILE_MODE)
    return descriptor


def write_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Make a file with `content`.

    Raises:
        FileExistsError: it exists already.
        OSError: it cannot be made or written; what was written of it remains.
        ValueError: the path holds a NUL character.
    """
    with open(open_private(path, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(content)
