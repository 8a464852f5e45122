"""Dying in the middle of it: a child of this process does something and is gone, without a word and without tidying."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


#: How long a child may take, and how often it is looked at, in seconds.
_MOST_S: Final = 10.0
_LOOK_S: Final = 0.002
#: No pipe keeps so little waiting.
_MOST_BYTES: Final = 400


def die_after(work: Callable[[], object]) -> None:
    """Do it in a child that dies of it. It is forked, so that `work` may be anything; it must not use the loop.

    Raises:
        AssertionError: it raised, or did not end.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Of threads that may hold locks: the child runs nothing but plain calls, and is killed if it hangs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:  # pragma: no cover - the child; what it does ends with it
        try:
            work()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:_MOST_BYTES])
        finally:
            os._exit(0)
    os.close(writing)
    try:
        _wait_for(pid)
        problem = os.read(reading, _MOST_BYTES).decode("utf-8", "replace")
    finally:
        os.close(reading)
    assert not problem, f"in a child process, which was forked: {problem}"


def _wait_for(pid: int) -> None:
    for _ in range(round(_MOST_S / _LOOK_S)):
        done, _status = os.waitpid(pid, os.WNOHANG)
        if done:
            return
        threading.Event().wait(_LOOK_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"not done within {_MOST_S:g} s in a child process, which was forked")
