"""What children of the tests run: this module's `run` says what it found, and then hangs as the parent wants."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


def run(connection: socket.socket) -> int:
    how = connection.recv(64).decode()
    found = {
        "pid": os.getpid(),
        "environment": sorted(os.environ),
        "arguments": sys.argv,
        "path": sys.path,
        "isolated": sys.flags.isolated,
        "descriptors": sorted(_open_descriptors() - {connection.fileno()}),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else 0,
        "interrupts": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
    }
    connection.sendall(json.dumps(found).encode() + b"\n")
    if how == "spin":
        while True:
            pass
    if how == "sleep":
        time.sleep(600)
    return 3


def _open_descriptors() -> set[int]:
    found = set()
    for descriptor in range(256):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.add(descriptor)
    return found
