"""What a test leaves behind in its process: threads, sockets, child processes and tasks, each described for people.

::

    before = Picture.take()
    ...
    for leak in left_behind(before): ...

The threads of a loop's executor end with their loop, and tools that run tests have threads of their own: neither
counts.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import stat
import subprocess
import sys
import sysconfig
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, cast

from offhook.plugin import line_shown
from offhook.secret import redact
from offhook.wording import printable
from offhook_mockserver.testkit.allowances import Leftover

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection, Iterator

#: How often a leak is looked for again before it counts, and the pause between two looks: many end a moment later.
_LOOKS: Final = 50
_PAUSE_S: Final = 0.01
#: The beginnings of the names of threads that do not count: executors of asyncio and of anyio, threads that trio keeps
#: for its next work, the watchdog of calls, which ends with the last call, and the time limits of pytest-timeout.
_UNCOUNTED_THREADS: Final = ("asyncio_", "AnyIO worker", "Trio thread", "offhook-watchdog", "pytest_timeout")
#: Children that Python starts for itself and keeps until it ends.
_PYTHONS_CHILDREN: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
_INSTALLED: Final = (sysconfig.get_path("stdlib"), "<frozen")
#: How much of a command line is shown.
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Picture:
    """The threads, sockets and child processes of this process at one moment.

    Attributes:
        threads: the threads that Python knows.
        sockets: the descriptor and the inode of each socket: a descriptor's number is used again.
        children: the ids of its child processes.
    """

    threads: frozenset[threading.Thread]
    sockets: frozenset[tuple[int, int]]
    children: frozenset[int]

    @classmethod
    def take(cls) -> Picture:
        """Look now."""
        return cls(frozenset(threading.enumerate()), frozenset(_sockets()), frozenset(_children()))


def left_behind(before: Picture, *, ports: Collection[int] = (), patient: bool = True) -> list[Leftover]:
    """Return what is here now and was not in `before`.

    Args:
        before: the picture from before the test.
        ports: local ports of servers that outlive the test; their ends of connections do not count.
        patient: whether to wait up to half a second for what is about to end.
    """
    found = _look(before, ports)
    if found and patient:
        gc.collect()  # a socket in a cycle is closed by the collection
        for _ in range(_LOOKS):
            found = _look(before, ports)
            if not found:
                break
            threading.Event().wait(_PAUSE_S)
    return found


def task_leak(task: asyncio.Task[object]) -> Leftover:
    """Describe a task that an application left running: its name, its coroutine, and the line where it waits."""
    coroutine: object = task.get_coro()
    running = getattr(coroutine, "__qualname__", None) or type(coroutine).__name__
    frames = [(frame.f_code, frame.f_lineno) for frame in _awaited(coroutine)]
    users = [(code, line) for code, line in frames if not _is_installed(code.co_filename)]
    place = f", waits at {line_shown(*(users or frames)[-1])}" if frames else ""
    return Leftover("tasks", _shown(f"task {task.get_name()}, running {running}{place}"))


def _awaited(coroutine: object) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, and of what it awaits: the innermost one is the last."""
    while coroutine is not None:
        for kind in ("cr", "gi", "ag"):  # of a coroutine, a generator, an asynchronous generator
            frame = getattr(coroutine, f"{kind}_frame", None)
            if isinstance(frame, FrameType):
                yield frame
                coroutine = getattr(coroutine, f"{kind}_await", None) or getattr(coroutine, f"{kind}_yieldfrom", None)
                break
        else:
            return


def _is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package, and so not to the user."""
    return file.startswith(_INSTALLED) or "site-packages" in file


def _look(before: Picture, ports: Collection[int]) -> list[Leftover]:
    threads = [thread for thread in threading.enumerate() if thread not in before.threads and _counts(thread)]
    children = [child for child in _children() if child not in before.children]
    sockets = [pair for pair in _sockets() if pair not in before.sockets]
    return [
        *(Leftover("threads", _thread_shown(thread)) for thread in threads),
        *(Leftover("sockets", shown) for descriptor, _ in sockets if (shown := _socket_shown(descriptor, ports))),
        *(Leftover("processes", shown) for child in children if (shown := _child_shown(child))),
    ]


def _shown(text: str) -> str:
    return redact(printable(text))


# Threads


def _counts(thread: threading.Thread) -> bool:
    return not thread.name.startswith(_UNCOUNTED_THREADS) and not hasattr(thread, "pydev_do_not_trace")


def _thread_shown(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)  # pyright: ignore[reportPrivateUsage] - documented
    place = ""
    while frame is not None:  # the outermost frame outside threading is the function that the thread runs
        if frame.f_globals.get("__name__") != threading.__name__:
            place = f", at {line_shown(frame.f_code, frame.f_lineno)}"
        frame = frame.f_back
    return _shown(f"thread {thread.name}{', a daemon' if thread.daemon else ''}{place}")


# Sockets


def _sockets() -> Iterator[tuple[int, int]]:
    for entry in os.listdir("/dev/fd"):  # noqa: PTH208 - Path objects take five times as long
        with contextlib.suppress(OSError):  # closed meanwhile, as the descriptor of the listing is
            status = os.fstat(int(entry))
            if stat.S_ISSOCK(status.st_mode):
                yield int(entry), status.st_ino


def _socket_shown(descriptor: int, ports: Collection[int]) -> str:
    """A socket for people; empty if it is closed, or a server's that outlives the test."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            if copy.family not in {socket.AF_INET, socket.AF_INET6}:
                return f"local socket {descriptor}{_made_at(descriptor)}"
            kind = "TCP" if copy.type == socket.SOCK_STREAM else "UDP"
            near = cast("tuple[str, int]", copy.getsockname())
            far = None
            with contextlib.suppress(OSError):  # not connected
                far = cast("tuple[str, int]", copy.getpeername())
    except OSError:
        return ""
    if near[1] in ports:
        return ""
    connected = "" if far is None else f" connected to {far[0]}:{far[1]}"
    return f"{kind} socket {near[0]}:{near[1]}{connected}{_made_at(descriptor)}"


def _made_at(descriptor: int) -> str:
    """Where a socket was made, which only tracemalloc knows."""
    if not tracemalloc.is_tracing():
        return " (python -X tracemalloc=20 shows where it was made)"
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.fileno() == descriptor:
            trace = tracemalloc.get_object_traceback(thing)
            lines = [f"{frame.filename}:{frame.lineno}" for frame in trace or ()]
            users = [line for line in lines if not line.startswith((sys.prefix, sys.base_prefix))]
            if lines:
                return f", made at {(users or lines)[-1]}"
    return ""


# Child processes


def _children() -> Iterator[int]:
    if _is_childless():  # as most processes are; the rest takes ten times as long
        return
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        yield from _known_children()
        return
    for task in os.listdir(tasks):  # noqa: PTH208 - as above
        with contextlib.suppress(OSError):  # the thread has ended
            yield from map(int, (tasks / task / "children").read_text(encoding="ascii").split())


def _is_childless() -> bool:
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _known_children() -> Iterator[int]:
    """The children that `subprocess` started and that were not waited for; only Linux has a list of all children."""
    for thing in gc.get_objects():
        if type(thing) is subprocess.Popen and thing.returncode is None:
            yield thing.pid


def _child_shown(child: int) -> str:
    """A child for people: its program, and its first argument; empty if it has ended, or is Python's own."""
    folder = Path(f"/proc/{child}")
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return f"process {child}" if not folder.parent.exists() else ""
    if not words or any(name in word for name in _PYTHONS_CHILDREN for word in words):  # no words: it has ended
        return ""
    return _shown(f"process {child}, {' '.join(words)[:_LONGEST]}")
