"""What loading a plugin must not do to the rest of the process.

There are SDKs that turn off the checking of TLS certificates when they are imported, for every user of urllib in the
process (Agora's does). `quarantine` puts that back and tells. What such an SDK raises, `sys.exit()` included, is for
whoever calls the plugin.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_HOOK: Final = "_create_default_https_context"

TLS_REPLACED: Final = (
    f"it replaced ssl.{_HOOK}, by which urllib checks certificates in this whole process; that was put back"
)


@contextlib.contextmanager
def quarantine(tell: Callable[[str], None]) -> Generator[None]:
    """Run code that is a plugin's, once and synchronously.

    Args:
        tell: told in a sentence what the code did and what was undone.
    """
    before = _tls_hook()
    try:
        yield
    finally:
        if _tls_hook() is not before:
            setattr(ssl, _HOOK, before)
            tell(TLS_REPLACED)


def _tls_hook() -> object:
    return getattr(ssl, _HOOK, None)
