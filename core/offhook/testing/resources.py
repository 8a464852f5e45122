"""The tasks, threads and descriptors of a process, to be compared before and after (I3)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from dataclasses import dataclass
from pathlib import Path

from offhook.arguments import check_instance


@dataclass(frozen=True, slots=True)
class Resources:
    """The numbers of tasks, threads and descriptors; `now` counts them."""

    tasks: int
    threads: int
    descriptors: int

    @classmethod
    def now(cls) -> Resources:
        """Count after a garbage collection. Tasks are those of the running loop, if there is one."""
        gc.collect()
        tasks = 0
        with contextlib.suppress(RuntimeError):
            tasks = len(asyncio.all_tasks())
        return cls(tasks, threading.active_count(), open_descriptors())

    def more_than(self, before: Resources) -> dict[str, int]:
        """Return how many more of each there are than in `before`, by name; empty if nothing was left behind.

        Raises:
            ConfigError: `before` is not `Resources`.
        """
        check_instance(before, "before", Resources, "the Resources that now() returned earlier")
        differences = {name: getattr(self, name) - getattr(before, name) for name in self.__slots__}
        return {name: more for name, more in differences.items() if more > 0}


def open_descriptors() -> int:
    """Return the number of open file descriptors of this process."""
    # Linux and macOS both have this folder; one descriptor belongs to the listing itself.
    return sum(1 for _ in Path("/dev/fd").iterdir()) - 1
