"""The only place where offhook reads the time.

Everything else receives a `Clock`. Deadlines and durations are taken from `monotonic_s`, which never steps back;
`wall_s` is for times that people and tokens read.
"""

from __future__ import annotations

import datetime
import inspect
import os
import time
from typing import Final, Protocol, cast

from offhook.arguments import check_methods


class Clock(Protocol):
    """Two readings of the time, both in seconds."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        ...

    def wall_s(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        ...


#: A clock that counts the time in which the machine sleeps; the clock of event loops does not. Linux has it under this
#: name; on macOS the other one counts that time.
_WITH_SLEEP: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


#: What Linux's scheduler says of the thread that reads it: how long it computed and waited, in nanoseconds.
_SCHEDSTAT: Final = "/proc/thread-self/schedstat"
#: More than three numbers take.
_SCHEDSTAT_BYTES: Final = 128


class SystemClock:
    """The clock of the machine. The time in which the machine sleeps counts."""

    def monotonic_s(self) -> float:
        return time.clock_gettime(_WITH_SLEEP)

    def asleep_s(self) -> float:
        """How long the machine has slept, from an arbitrary start; event loops do not count this time."""
        return time.clock_gettime(_WITH_SLEEP) - time.monotonic()

    def thread_busy_s(self) -> float:
        """How long the calling thread has computed, or waited for a core that others used, in seconds.

        It counts from an arbitrary start. Only Linux shows how long a thread has waited; elsewhere that counts as 0.
        """
        try:
            file = os.open(_SCHEDSTAT, os.O_RDONLY | os.O_CLOEXEC)  # several times a second: a file object costs more
            try:
                computed_ns, waited_ns, _ = map(int, os.read(file, _SCHEDSTAT_BYTES).split())
            finally:
                os.close(file)
        except (OSError, ValueError):
            return time.thread_time()
        return (computed_ns + waited_ns) / 1e9

    def wall_s(self) -> float:
        return time.time()


def check_clock(clock: object) -> Clock:
    """Check an argument that must be a `Clock`.

    Raises:
        ConfigError: it lacks a method of a clock, or is a class.
    """
    guess = ""
    if inspect.ismodule(clock) or inspect.isroutine(clock):
        guess = "Write SystemClock() for the machine's clock; both names are in offhook.interfaces"
    check_methods(clock, "clock", ("monotonic_s", "wall_s"), "a Clock, with monotonic_s() and wall_s()", guess)
    return cast("Clock", clock)


def iso_8601(wall_s: float) -> str:
    """A wall time as UTC text with milliseconds, for example ``2026-11-23T12:00:00.000Z``."""
    at = datetime.datetime.fromtimestamp(wall_s, tz=datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
