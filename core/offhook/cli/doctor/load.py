"""Whether this machine has room for calls now: how late an event loop is that has nothing to do."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from offhook.call.admission import CALL_LIMIT
from offhook.call.load_policy import LoadPolicy
from offhook.interfaces.clock import SystemClock
from offhook.interfaces.diagnosis import Finding, Level
from offhook.interfaces.loop_load import LoadMeter

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long the loop is measured, in seconds: a few timers, since the doctor must be quick.
_MEASURE_S: Final = 0.12


def load_findings() -> Iterator[Finding]:
    """Yield how late a loop is, and the limits of a phone that sets none."""
    yield load_finding(asyncio.run(_late_ms()))


def load_finding(late_ms: float) -> Finding:
    """What is said of a loop with nothing to do that is late by `late_ms` milliseconds."""
    policy = LoadPolicy()
    limit_ms = policy.late_limit_ms
    text = (
        f"an event loop with nothing to do is late by {late_ms:.1f} ms here, with {os.cpu_count()} cores; new calls "
        f"wait while theirs is later than {limit_ms:g} ms, and call_limit is {CALL_LIMIT}, unless a program sets "
        "others"
    )
    if limit_ms is not None and late_ms > limit_ms:
        return Finding(Level.NOTE, "load", f"{text}. Other programs keep this machine busy")
    return Finding(Level.FINE, "load", f"{text}. How many calls a process carries: offhook bench calls")


async def _late_ms() -> float:
    meter = LoadMeter(SystemClock())
    meter.start()
    await asyncio.sleep(_MEASURE_S)
    meter.stop()
    return meter.load.late_ms
