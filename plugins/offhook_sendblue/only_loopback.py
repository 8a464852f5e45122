"""Whether phones of this process may call only servers on this machine, as in a run of pytest."""

from __future__ import annotations

import sys
from typing import Final

from offhook.interfaces import Environment

#: Set by the pytest plugin of the mock, so that a test rings no real phone. It is looked up in the process's own
#: environment: a program that passes settings of its own must not get around it.
ONLY_LOOPBACK_VARIABLE: Final = "OFFHOOK_ONLY_LOOPBACK"
#: The same as an option of the interpreter (``python -X``), since a test may replace the environment. The plugin sets
#: it as well; all threads see it, and children that were forked.
ONLY_LOOPBACK_OPTION: Final = "offhook_only_loopback"


def is_only_loopback() -> bool:
    """Whether only servers on this machine may be called."""
    options = sys._xoptions  # pyright: ignore[reportPrivateUsage] - documented
    return ONLY_LOOPBACK_OPTION in options or bool(Environment.of_process().as_written(ONLY_LOOPBACK_VARIABLE))


def in_a_test() -> str:
    """What an error about missing settings adds in a run of pytest; empty elsewhere."""
    if not is_only_loopback():
        return ""
    return (
        "; in a test, take the fixture offhook_mock, which sets it, and pass a program in another process "
        "env={**os.environ, **offhook_mock.environment}"
    )
