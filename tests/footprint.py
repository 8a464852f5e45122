"""What a library may leave behind in the process of whoever uses it: nothing. Taken before and after, and compared."""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import ssl
import sys
import threading
import warnings
from pathlib import Path


def footprint(loop: asyncio.AbstractEventLoop) -> dict[str, object]:
    """All that is shared by everybody in this process, and what `loop` was told, as texts by name."""
    os.umask(mask := os.umask(0))
    return {
        **{f"signal {number.name}": repr(signal.getsignal(number)) for number in signal.Signals},
        **{f"logger {name}": configured for name, configured in _loggers().items() if configured},
        **{f"environment {name}": value for name, value in os.environ.items()},
        "logging": f"{logging.lastResort} {logging.getLoggerClass()} {logging.getLogRecordFactory()}",
        "event loop policy": f"{asyncio.get_event_loop_policy()} {_current_loop()}",
        "event loop": f"{loop.get_exception_handler()} {loop.get_task_factory()} {loop.get_debug()}",
        "warnings": f"{warnings.filters} {warnings.showwarning}",
        "hooks": f"{sys.excepthook} {sys.unraisablehook} {sys.displayhook} {threading.excepthook} {sys.gettrace()}",
        "async generators": f"{sys.get_asyncgen_hooks()} {sys.get_coroutine_origin_tracking_depth()}",
        "interpreter": f"{sys.getrecursionlimit()} {sys.getswitchinterval()} {gc.get_threshold()} {gc.isenabled()}",
        "import": f"{sys.path} {sys.meta_path} {sys.path_hooks}",
        "at exit": atexit._ncallbacks(),
        "folder and mask": f"{Path.cwd()} {mask:o}",
        "limits": f"{resource.getrlimit(resource.RLIMIT_NOFILE)} {socket.getdefaulttimeout()}",
        "ssl": f"{ssl._create_default_https_context}",
        "random": hash(random.getstate()),
        "locale": locale.setlocale(locale.LC_ALL),
        "faulthandler": faulthandler.is_enabled(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "tasks": len(asyncio.all_tasks(loop)),
    }


def differences(before: dict[str, object], after: dict[str, object]) -> dict[str, str]:
    """What is another thing afterwards, by name."""
    names = sorted(before.keys() | after.keys())
    return {name: f"{before.get(name)} -> {after.get(name)}" for name in names if before.get(name) != after.get(name)}


def _loggers() -> dict[str, str]:
    """Of each logger, what somebody has set; nothing where nobody has."""
    known = {"": logging.root, **logging.root.manager.loggerDict}
    found: dict[str, str] = {}
    for name, logger in known.items():
        if isinstance(logger, logging.Logger):
            level = logger.level if logger is not logging.root else ""
            parts = (level, logger.handlers, logger.filters, not logger.propagate, logger.disabled)
            found[name] = " ".join(str(part) for part in parts if part)
    return found


def _current_loop() -> str:
    return str(getattr(getattr(asyncio.get_event_loop_policy(), "_local", None), "_loop", None))
