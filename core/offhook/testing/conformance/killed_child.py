"""A child process that is forked, does one thing and exits without any cleanup, as a killed process does."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


#: The time limit of a child, and the interval at which it is checked.
_TIMEOUT_S: Final = 10.0
_LOOK_S: Final = 0.002
#: At most this much of an error is passed on; every pipe buffers more.
_MOST_BYTES: Final = 400


def die_after(work: Callable[[], object]) -> None:
    """Call `work` in a forked child process, which then exits without cleanup.

    Args:
        work: any callable, since the child is forked; it must not use the event loop.

    Raises:
        AssertionError: it raised, or did not end in time.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of threads that may hold locks: the child runs plain calls only, and is killed if it hangs.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:  # pragma: no cover - in the child
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
    assert not problem, f"in a forked child process: {problem}"


def _wait_for(pid: int) -> None:
    for _ in range(round(_TIMEOUT_S / _LOOK_S)):
        done, _status = os.waitpid(pid, os.WNOHANG)
        if done:
            return
        threading.Event().wait(_LOOK_S)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"a forked child process did not end within {_TIMEOUT_S:g} s")
