"""Undoes changes to the rest of the process that importing a plugin must not make.

Some SDKs turn off the checking of TLS certificates when they are imported, for every user of urllib in the process.
`quarantine` restores it and reports that. Exceptions of such an SDK, `SystemExit` included, are left to the caller.

Agora's SDK does so too, but not here: the plugin offhook_agora imports it in a process of its own, and not while it is
loaded. The quarantine is for plugins that import an SDK in this process, one of somebody else's for Agora included.
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
    f"it replaced ssl.{_HOOK}, by which urllib checks certificates in this whole process; offhook restored it"
)


class _Guarded:
    """Keeps the hook as it was before the first of the running blocks began; blocks can run in several threads."""

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
        """Restore the hook; returns whether it had been replaced."""
        with self._lock:
            self._inside -= 1
            changed = _tls_hook() is not self._before
            if changed:
                setattr(ssl, _HOOK, self._before)
            return changed


_guarded: Final = _Guarded()


@contextlib.contextmanager
def quarantine(report: Callable[[str], None]) -> Generator[None]:
    """Run a plugin's code, once and synchronously.

    Args:
        report: called with a message if the code replaced the hook.
    """
    _guarded.enter()
    try:
        yield
    finally:
        if _guarded.leave():
            report(TLS_REPLACED)


def _tls_hook() -> object:
    return getattr(ssl, _HOOK, None)
