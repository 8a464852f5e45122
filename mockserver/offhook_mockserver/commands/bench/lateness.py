"""How late the timers of a loop are, measured often, and the CPU time of a process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often the loop is looked at, in seconds.
_PERIOD_S: Final = 0.01


class Lateness:
    """Measures the running loop from the moment in which it is made until `stop`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late_s: list[float] = []
        self._again()

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()

    def p99_ms(self) -> float:
        """How late 99 of 100 timers were at most, in milliseconds; 0 if there was none."""
        late_s = sorted(self._late_s)
        return 1000 * late_s[int(0.99 * (len(late_s) - 1))] if late_s else 0.0

    def _again(self) -> None:
        self._due_s = self._loop.time() + _PERIOD_S
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        self._late_s.append(self._loop.time() - self._due_s)
        self._again()


def share_of(pid: int) -> Callable[[], float | None]:
    """Begin to measure another process.

    Returns:
        A function that returns how much of one core the process has used since, in percent; None where the system does
        not show it.
    """
    loop = asyncio.get_running_loop()
    began_s, began_cpu_s = loop.time(), _cpu_s(pid)

    def share() -> float | None:
        cpu_s = _cpu_s(pid)
        if cpu_s is None or began_cpu_s is None:
            return None
        return 100 * (cpu_s - began_cpu_s) / (loop.time() - began_s)

    return share


def _cpu_s(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
