"""A lock on a file, so that two processes do not fetch into one folder at once.

The system frees it when its process ends, however that happens.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from offhook.errors import StorageError, TransportUnavailable
from offhook.records import open_private
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Generator[None]:
    """Hold a lock while this lasts.

    Args:
        path: the file; it is made if necessary. Only the holder may remove it.
        busy: the message of the error when another process holds it; empty to wait for it.

    Raises:
        TransportUnavailable: another process holds it.
        StorageError: the file cannot be made or locked.
    """
    descriptor = -1
    try:
        while descriptor < 0:
            descriptor = _take(path, wait=not busy)
    except (BlockingIOError, FileNotFoundError):  # held, or removed by its holder just now
        raise TransportUnavailable(busy) from None
    except OSError as error:
        raise StorageError(f"{quoted_path(path)} cannot be locked: {system_reason(error)}") from None
    try:
        yield
    finally:
        os.close(descriptor)


def _take(path: Path, *, wait: bool) -> int:
    """The descriptor of a locked file; -1 if it was removed meanwhile, so that the lock would hold off no other."""
    descriptor = open_private(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return -1
