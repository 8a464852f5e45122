"""The one address that a mock has, and a socket that listens there."""

from __future__ import annotations

import errno
import socket
from typing import Final

from offhook.errors import ConfigError

#: The only address that a mock has.
LOOPBACK: Final = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket at a port of 127.0.0.1; 0 lets the system choose the port.

    Raises:
        ConfigError: the port is in use or not allowed.
    """
    # The protocol is named so that asyncio sets TCP_NODELAY on accepted connections: small answers go out at once.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(_bind_problem(port, error)) from None
    return listener


def _bind_problem(port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} of {LOOPBACK} is taken: pass another one with --port, or 0 for any free port"
        case errno.EACCES:
            return f"port {port} is reserved for system services: pass one from 1024 up, or 0 for any free port"
        case _:
            return f"cannot listen on port {port} of {LOOPBACK}: {error}"
