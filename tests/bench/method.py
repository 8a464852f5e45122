"""How everything here is measured: by turns, voided where the load was not what it should have been, by medians."""

from __future__ import annotations

import bisect
import contextlib
import ctypes
import gc
import math
import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

#: After the last call is up, before counting begins.
SETTLE_S: Final = 2.5
FRAMES_PER_S: Final = 50
#: A turn is void when a stream's received frame rate is further off than this.
MOST_OFF: Final = 0.01
#: So often a void turn is repeated.
MOST_REPEATS: Final = 2
#: Threads and memory are read where Linux shows them.
HAS_PROC: Final = Path("/proc/self/statm").exists()


class NothingHeard(RuntimeError):
    """There was audio and no burst in it: the benchmark is broken, or what it measures."""

    def __init__(self) -> None:
        super().__init__("not one of the bursts that were sent was heard")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used and received so far.

    Attributes:
        at_s: monotonic time of this reading.
        cpu_s: user and system time.
        rss_bytes: memory it holds now; 0 where there is no /proc.
        threads: its threads now, native ones included; 0 where there is no /proc.
        frames: audio frames that its applications received.
        streams: how many streams these came from.
    """

    at_s: float
    cpu_s: float
    rss_bytes: int
    threads: int
    frames: int
    streams: int

    def rate(self, before: Usage) -> float:
        """Frames per second and stream since `before`."""
        streams = max(1, self.streams)
        return (self.frames - before.frames) / (self.at_s - before.at_s) / streams

    def cpu_ms_per_s(self, before: Usage) -> float:
        """CPU milliseconds per second since `before`."""
        return (self.cpu_s - before.cpu_s) / (self.at_s - before.at_s) * 1000


def give_back() -> None:
    """Return to the system what is free, so that calls are not served from what loading the libraries left over."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def usage(frames: int, streams: int) -> Usage:
    """A reading of the process that calls this."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    rss, threads = _size_of("self") if HAS_PROC else (0, 0)
    return Usage(time.monotonic(), spent.ru_utime + spent.ru_stime, rss, threads, frames, streams)


def usage_of(pid: int) -> Usage:
    """A reading of another process that lives (Linux). It received nothing that this process counts."""
    clock = ctypes.c_int()
    # To the nanosecond; /proc counts in hundredths of a second, and a call takes few of them.
    if ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(f"there is no process {pid}")
    rss, threads = _size_of(str(pid))
    return Usage(time.monotonic(), time.clock_gettime(clock.value), rss, threads, 0, 0)


def _size_of(process: str) -> tuple[int, int]:
    rss = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return rss, len(os.listdir(f"/proc/{process}/task"))


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank); `share` is in 0..1.

    Raises:
        NothingHeard: no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise NothingHeard
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The median.

    Raises:
        NothingHeard: no values.
    """
    if not values:
        raise NothingHeard
    return statistics.median(values)


def delays_ms(sent_at_s: Sequence[float], heard_at_s: Iterable[float], limit_s: float) -> list[float]:
    """For each thing heard, how long before it the newest thing was sent; more than `limit_s` is no match."""
    found: list[float] = []
    for heard in heard_at_s:
        place = bisect.bisect_right(sent_at_s, heard)
        if place and heard - sent_at_s[place - 1] <= limit_s:
            found.append((heard - sent_at_s[place - 1]) * 1000)
    return found


def ratio(ours: float, theirs: float) -> float:
    """`ours` / `theirs`, and not a number where theirs is nothing."""
    return ours / theirs if theirs else math.nan


class Measured(Protocol):
    """What one arm of a turn gives."""

    @property
    def rates(self) -> Sequence[float]:
        """Received frames per second and stream, of each process that receives."""
        ...


def is_void(rates: Iterable[float]) -> bool:
    """Whether any rate is further off than it may be."""
    return any(abs(rate - FRAMES_PER_S) > MOST_OFF * FRAMES_PER_S for rate in rates)


_M = TypeVar("_M", bound=Measured)


class _Arms(dict[str, _M]):
    """What the arms of one turn gave, without those that stayed void."""

    def __missing__(self, arm: str) -> _M:
        raise ArmIsVoid(arm)


class ArmIsVoid(KeyError):
    """A comparison needs an arm that stayed void in this turn."""


@dataclass(slots=True)
class Turns(Generic[_M]):
    """What the turns gave; arms that stayed void are missing in `results`, and void only what is compared with them.

    Attributes:
        results: the arms of each turn that did not stay void.
        last: the last run of each arm in each turn, void or not: for what missing frames do not change.
        void: how many runs were void.
    """

    results: list[Mapping[str, _M]]
    last: list[Mapping[str, _M]]
    void: int

    def each(self, compare: Callable[[Mapping[str, _M]], float], *, even_void: bool = False) -> list[float]:
        """One number for each turn in which no arm that is compared stayed void; or for all turns."""
        numbers: list[float] = []
        for result in self.last if even_void else self.results:
            with contextlib.suppress(ArmIsVoid):
                numbers.append(compare(result))
        return numbers

    def all_of(self, arm: str, *, even_void: bool = False) -> list[_M]:
        """What one arm gave in each turn in which it did not stay void; or in all turns."""
        return [result[arm] for result in (self.last if even_void else self.results) if arm in result]

    def median_of(self, arm: str, read: Callable[[_M], float], *, even_void: bool = False) -> float:
        """Median over the turns of one arm's figure; not a number when there are none."""
        values = [read(measured) for measured in self.all_of(arm, even_void=even_void)]
        return statistics.median(values) if values else math.nan


async def take_turns(name: str, arms: Mapping[str, Callable[[], Awaitable[_M]]], turns: int) -> Turns[_M]:
    """Run each arm once in each turn, one after the other; a void one is repeated at once."""
    taken: Turns[_M] = Turns([], [], 0)
    for turn in range(1, turns + 1):
        results: _Arms[_M] = _Arms()
        last: dict[str, _M] = {}
        for arm, run in arms.items():
            for _ in range(1 + MOST_REPEATS):
                progress(f"{name}: turn {turn} of {turns}, {arm}")
                result = last[arm] = await run()
                if not is_void(result.rates):
                    results[arm] = result
                    break
                taken.void += 1
                progress(f"{name}: void, {', '.join(f'{rate:.2f}' for rate in result.rates)} frames/s")
        taken.results.append(results)
        taken.last.append(last)
    return taken


def middle(values: Iterable[float]) -> float | None:
    """The median of those that are numbers, or None of nothing."""
    numbers = [value for value in values if not math.isnan(value)]
    return statistics.median(numbers) if numbers else None


def progress(text: str) -> None:
    """Say what goes on, beside the table."""
    print(text, file=sys.stderr, flush=True)
