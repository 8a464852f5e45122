"""What is written to the descriptors 1 and 2, by child processes and C libraries as well."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_NAMES: Final = ("stdout", "stderr")


@contextlib.contextmanager
def written_to(found: dict[str, bytes]) -> Generator[None]:
    """Put what the body writes to standard output and standard error into `found`, and write it there afterwards.

    Args:
        found: filled at the end, by the names ``stdout`` and ``stderr``.
    """
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(_NAMES, 1):
            found[name] = b""
            stack.enter_context(_redirected(number, name, found))
        yield


@contextlib.contextmanager
def _redirected(number: int, name: str, found: dict[str, bytes]) -> Generator[None]:
    try:
        before = os.dup(number)
    except OSError:  # the process runs without it
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            os.dup2(before, number)
            os.close(before)
            file.seek(0)
            found[name] = file.read()
            with contextlib.suppress(OSError):
                os.write(number, found[name])
