"""What loading a plugin must not do to the rest of the process.

There are SDKs that turn off the checking of TLS certificates when they are imported, for every user of urllib in the
process (Agora's does). `quarantine` puts that back and tells. What such an SDK raises, `sys.exit()` included, is for
whoever calls the plugin.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


_HOOK: Final = "_create_default_https_context"

TLS_REPLACED: Final = (
    f"it replaced ssl.{_HOOK}, by which urllib checks certificates in this whole process; that was put back"
)


class _Guarded:
    """The hook as it was before the first of those who are in quarantine now, in whichever threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: object = None

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = _tls_hook()
            self._inside += 1

    def leave(self) -> bool:
        """Whether there was something to put back."""
        with self._lock:
            self._inside -= 1
            changed = _tls_hook() is not self._before
            if changed:
                setattr(ssl, _HOOK, self._before)
            return changed


_guarded: Final = _Guarded()


@contextlib.contextmanager
def quarantine(tell: Callable[[str], None]) -> Generator[None]:
    """Run code that is a plugin's, once and synchronously.

    Args:
        tell: told in a sentence what the code did and what was undone.
    """
    _guarded.enter()
    try:
        yield
    finally:
        if _guarded.leave():
            tell(TLS_REPLACED)


def _tls_hook() -> object:
    return getattr(ssl, _HOOK, None)
