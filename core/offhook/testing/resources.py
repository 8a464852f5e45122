"""What a process holds: tasks, threads and descriptors, to be compared before and after (I3)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Resources:
    """A count of each; `now` takes it."""

    tasks: int
    threads: int
    descriptors: int

    @classmethod
    def now(cls) -> Resources:
        """What is there now, after a garbage collection. Tasks are those of the running loop, if there is one."""
        gc.collect()
        tasks = 0
        with contextlib.suppress(RuntimeError):
            tasks = len(asyncio.all_tasks())
        return cls(tasks, threading.active_count(), open_descriptors())

    def more_than(self, before: Resources) -> dict[str, int]:
        """What there is more of than before, by name; empty when nothing was left behind."""
        differences = {name: getattr(self, name) - getattr(before, name) for name in self.__slots__}
        return {name: more for name, more in differences.items() if more > 0}


def open_descriptors() -> int:
    """How many file descriptors this process has open."""
    # Linux and macOS both have it; one descriptor is the listing's own.
    return sum(1 for _ in Path("/dev/fd").iterdir()) - 1
