"""Start of the child process: it dies with its parent, leaves no core, and then imports the rest of offhook.

Run as ``python -I boot.py FD PARENT_PID``, with the standard library alone. FD is one end of a socket pair, which first
brings the import path and the module to run. No secret is in that or in the arguments.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Of Linux's prctl(2).
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4

_LENGTH: Final = struct.Struct("<I")
_MAX_ORDER: Final = 1024 * 1024
_STDERR: Final = 2

#: The module that serves the connection; its ``run(connection)`` returns the exit status.
MAIN: Final = "offhook_agora.child.main"


def command(descriptor: int) -> list[str]:
    """Return the command that starts a child of this process.

    Args:
        descriptor: the child's end of a socket pair, which the child inherits under this number.
    """
    return [sys.executable, "-I", __file__, str(descriptor), str(os.getpid())]


def order(path: Sequence[str], main: str = MAIN) -> bytes:
    """Return what the parent writes to the socket first.

    Args:
        path: where the child looks for modules.
        main: the module to run.
    """
    text = json.dumps({"path": list(path), "main": main}).encode()
    return _LENGTH.pack(len(text)) + text


def die_with(parent: int) -> None:
    """End this process when the thread that started it ends (Linux), and at once if the parent is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def keep_private(descriptor: int) -> None:
    """Leave no core, let no other process of the user look inside, and inherit no descriptor but this one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One by one: the limit can be a thousand million, and closing all numbers below it would take minutes.
    for other in _open_descriptors():
        if other > _STDERR and other != descriptor:
            with contextlib.suppress(OSError):  # that of the listing is closed already
                os.close(other)
    _prctl(_PR_SET_DUMPABLE, 0)


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 (numbers, not paths)
    except OSError:  # no /proc here; what started this process has closed them, unless it was told not to
        return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:  # the parent is gone
            os._exit(1)
        data += more
    return data


def main(arguments: Sequence[str]) -> int:
    """Run the child; returns its exit status."""
    descriptor, parent = int(arguments[0]), int(arguments[1])
    die_with(parent)
    keep_private(descriptor)
    # Ctrl-C in the terminal, and its end, are for the program: it leaves its channels in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    connection = socket.socket(fileno=descriptor)
    connection.setblocking(True)
    os.set_inheritable(descriptor, False)
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > _MAX_ORDER:
        return 1
    todo = json.loads(_exactly(connection, length))
    sys.path[:] = todo["path"]
    status: int = importlib.import_module(todo["main"]).run(connection)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
