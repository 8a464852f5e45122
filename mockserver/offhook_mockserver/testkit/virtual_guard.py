"""What a test in virtual time cannot have: threads, sockets and child processes, whose time is the machine's.

The clock of a virtual loop jumps as soon as every task waits, and it cannot see what runs elsewhere: an application in
another process would find its call over before its first packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing.process
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import CallStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Set

    from offhook.testing import VirtualLoop

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


#: Each kind of foreign work, by the name of its allowance: where Python starts it.
_STARTS: Final[tuple[tuple[str, object, str], ...]] = (
    ("threads", threading.Thread, "start"),
    ("sockets", socket.socket, "connect"),
    ("sockets", socket.socket, "connect_ex"),
    ("sockets", socket, "getaddrinfo"),
    ("sockets", socket, "gethostbyname"),
    ("processes", subprocess.Popen, "__init__"),
    ("processes", multiprocessing.process.BaseProcess, "start"),
    *(("processes", os, name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
)
_WHAT: Final[Mapping[str, str]] = {"threads": "a thread", "sockets": "a connection", "processes": "a child process"}


#: How many refusals are kept.
_MOST_NOTED: Final = 100


class NotVirtual(CallStateError):
    """A test in virtual time started or used something whose time is the machine's."""

    __module__ = "offhook_mockserver.testkit"  # where it is imported from, for messages
    code: ClassVar[str] = "not_virtual"


class VirtualGuard:
    """Refuses foreign work on one thread, as long as `watching` is entered.

    Args:
        loop: the test's loop; while its clock is held, work elsewhere is seen, and so allowed.
        allow: kinds that are allowed: ``threads``, ``sockets``, ``processes``.

    Attributes:
        refused: the errors that were raised, which the application may have caught.
    """

    def __init__(self, loop: VirtualLoop, allow: Set[str] = frozenset()) -> None:
        self._loop = loop
        self._allow = allow
        self._thread = threading.get_ident()
        self.refused: list[NotVirtual] = []

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Refuse foreign work in the body."""
        with contextlib.ExitStack() as stack:
            # The loop looks names up in a thread of its own.
            for kind, owner, name in (*_STARTS, ("sockets", self._loop, "getaddrinfo")):
                if kind not in self._allow and hasattr(owner, name):
                    own = name in vars(owner)
                    before = getattr(owner, name)
                    setattr(owner, name, self._refusing(kind, name, before))
                    if own:
                        stack.callback(setattr, owner, name, before)
                    else:
                        stack.callback(delattr, owner, name)
            yield

    def _refusing(self, kind: str, name: str, start: Callable[..., object]) -> Callable[..., object]:
        what = f"the look-up of a name ({name})" if name.startswith("get") else _WHAT[kind]

        def refuse_or_start(*args: object, **options: object) -> object:
            if threading.get_ident() == self._thread and not self._loop.held:
                message = (
                    f"this test runs in virtual time and started {what}, whose time is the machine's: remove "
                    "the marker offhook_virtual, and the same test runs in real time with any application; or run an "
                    "asyncio application on the test's loop, with offhook_mock.start(...). "
                    f"If it has nothing to do with time: @pytest.mark.offhook(allow=[{kind!r}])"
                )
                raise self._noted(NotVirtual(message))
            return start(*args, **options)

        return refuse_or_start

    def check_loop(self) -> None:
        """Refuse a phone that is used on another event loop than the test's, in the machine's time.

        Raises:
            NotVirtual: such a loop runs here.
        """
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:  # a plain function; what waits, waits on a loop
            return
        if running is not self._loop:
            raise self._noted(
                NotVirtual(
                    "this test runs in virtual time, and its phone is used on another event loop, in the machine's "
                    "time: start the application with offhook_mock.start(...) or offhook_mock.run(...) instead of "
                    "asyncio.run(...), and leave out the marker of any other plugin for coroutine tests; or remove the "
                    "marker offhook_virtual, and the test runs in real time"
                )
            )

    def _noted(self, error: NotVirtual) -> NotVirtual:
        if len(self.refused) < _MOST_NOTED:
            self.refused.append(error)
        return error
