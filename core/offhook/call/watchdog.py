"""The watchdog: names the code that kept the event loop from turning.

Nothing can interrupt a callback that blocks, so a thread watches: it asks the loop a few times a second to answer. When
the loop does not answer within the limit, the thread notes what the loop's thread is doing at that moment; the loop
itself reports that once it turns again. With `clock.py` this is the only module that reads the machine's time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_seconds
from offhook.secret import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Report = Callable[["Block"], None]


_log: Final = logging.getLogger("offhook")

#: How long a loop may take to turn.
LIMIT_S: Final = 0.5
#: A block that lasts longer than this number of limits is logged while it lasts, since it may have no end.
_STILL_LIMITS: Final = 10
#: How many lines of a stack are kept from either end.
_LINES: Final = 4
#: Where the loop's own part of a stack begins.
_LOOP_MODULES: Final = frozenset({"asyncio.events", "asyncio.base_events", "asyncio.runners"})
#: The longest sleep of the thread, and how much later than intended it wakes up if the process was stopped, in seconds.
_OVERSLEPT_S: Final = 0.5
#: A process that used less of the time than this was stopped; on a busy machine, one that computes gets more.
_IDLE: Final = 0.05
#: How long to wait for the thread, in seconds. It ends within microseconds, unless a logging handler that hangs delays
#: it.
_JOIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which the loop did not turn.

    Attributes:
        took_s: how long it lasted, at least. It may have begun up to half a limit earlier.
        stack: ``file:line in function``, innermost first; empty when no Python code was running, because the process
            was stopped or starved.
    """

    took_s: float
    stack: tuple[str, ...]

    @property
    def detail(self) -> str:
        """One line for people."""
        return f"the event loop was blocked for at least {self.took_s:.2f} s {_where(self.stack)}"


class Watchdog:
    """Watches the loop of a phone's calls: one daemon thread while there are any, none otherwise.

    Args:
        limit_s: how long the loop may take to turn. A shorter block is never reported; a block of 1.5 times the limit
            always is.

    Raises:
        ConfigError: `limit_s` is not a positive number of seconds up to 1,000,000,000.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = check_seconds(limit_s, "watchdog_limit_s")
        self._watch: _Watch | None = None

    def watch(self, report: Report) -> None:
        """Call `report` for every block of the running loop, on that loop, until `forget` is called with it."""
        loop = asyncio.get_running_loop()
        if self._watch is None or self._watch.loop is not loop:
            self._stop()  # the calls of the old watch were left in a loop that is gone
            self._watch = _Watch(loop, self._limit_s)
        self._watch.reports.append(report)

    def forget(self, report: Report) -> None:
        """Stop calling `report`. When no report is left, the thread ends. Idempotent."""
        if self._watch is not None and report in self._watch.reports:
            self._watch.reports.remove(report)
            if not self._watch.reports:
                self._stop()

    def was_stopped(self, took_s: float) -> bool:
        """Whether the process did not run for most of the last `took_s`; see `_Watch.was_stopped`."""
        return self._watch is not None and self._watch.was_stopped(took_s)

    def _stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()


class _Watch:
    """Watches one loop; created on that loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_s: float) -> None:
        self.loop = loop
        self.reports: list[Report] = []
        self._limit_s = limit_s
        self._loop_thread = threading.get_ident()
        self._changed = threading.Condition()
        self._asked_at_s = 0.0
        self._answered = False
        self._stopped = False
        self._stack: tuple[str, ...] | None = None
        #: Until when the thread sleeps now, and the CPU time of the process when it fell asleep.
        self._sleeps_until_s = math.inf
        self._cpu_s = 0.0
        #: The last time in which it slept on although it should have woken up, and the process used no CPU time.
        self._overslept = (-math.inf, -math.inf)
        self._thread = threading.Thread(target=self._run, name="offhook-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():  # not in a forked child, where the condition may be held for ever
            with self._changed:
                self._stopped = True
                self._changed.notify()
            self._thread.join(_JOIN_S)

    def was_stopped(self, took_s: float) -> bool:
        """Whether the process did not run for half of the time or more: the thread slept on although it was due.

        Code that computes and does not let other threads run uses CPU time; a process that stands still does not.

        Args:
            took_s: how long the loop did not turn, until now.
        """
        now_s = time.monotonic()
        self._woke(now_s)
        due_s, woke_s = self._overslept
        return woke_s - max(due_s, now_s - took_s) >= took_s / 2

    def _woke(self, now_s: float) -> None:
        """Note how long the thread has slept beyond its time, if it runs now or could run now."""
        late_s = now_s - self._sleeps_until_s
        if late_s > _OVERSLEPT_S and time.process_time() - self._cpu_s < late_s * _IDLE:
            self._overslept = (self._sleeps_until_s, now_s)

    # ---- on the watchdog's thread

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait in short sleeps, so that the thread notices when the process was stopped."""
        end_s = time.monotonic() + timeout_s
        while (rest_s := end_s - time.monotonic()) > 0 and not condition():
            slice_s = min(rest_s, _OVERSLEPT_S)
            self._cpu_s = time.process_time()
            self._sleeps_until_s = time.monotonic() + slice_s
            self._changed.wait(slice_s)
            self._woke(time.monotonic())
        self._sleeps_until_s = math.inf
        return condition()

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                self._asked_at_s, self._answered = time.monotonic(), False
                try:
                    self.loop.call_soon_threadsafe(self._answer)
                except RuntimeError:  # the loop was closed, with calls still up
                    return
                self._await_answer()
                self._wait(lambda: self._stopped, self._limit_s / 2)

    def _await_answer(self) -> None:
        logged = False
        while not self._wait(lambda: self._answered or self._stopped, self._limit_s):
            blocked_s = time.monotonic() - self._asked_at_s
            if self.loop.is_closed():
                self._stopped = True
            elif not self.loop.is_running():  # the loop does not run, so nothing blocks it
                self._asked_at_s = time.monotonic()
            elif self._stack is None:
                self._stack = stack_of(self._loop_thread)
            elif not logged and blocked_s > _STILL_LIMITS * self._limit_s:
                logged = True
                _log.warning(
                    "the event loop has been blocked for %.1f s, and still is, %s", blocked_s, _where(self._stack)
                )

    # ---- on the loop

    def _answer(self) -> None:
        with self._changed:
            took_s = time.monotonic() - self._asked_at_s
            stack, self._stack = self._stack, None
            self._loop_thread = threading.get_ident()
            self._answered = True
            self._changed.notify()
        if stack is not None:
            block = Block(took_s, stack)
            _log.warning("%s", block.detail)
            for report in tuple(self.reports):
                report(block)


def stack_of(thread_id: int) -> tuple[str, ...]:
    """What a thread is doing now: ``file:line in function``, innermost first, down to the loop that called it.

    The lines hold no locals, no folders above the import root and no secret. The middle of a deep stack is left out.
    """
    frame = sys._current_frames().get(thread_id)  # pyright: ignore[reportPrivateUsage] - documented, for debuggers
    lines: list[str] = []
    while frame is not None and frame.f_globals.get("__name__") not in _LOOP_MODULES:
        lines.append(_line(frame))
        frame = frame.f_back
    if len(lines) == 1 and lines[0].startswith("selectors.py:"):  # the loop only waits: its thread got no CPU time
        return ()
    if len(lines) > 2 * _LINES + 1:
        lines[_LINES:-_LINES] = [f"… {len(lines) - 2 * _LINES} more"]
    return tuple(lines)


def _line(frame: FrameType) -> str:
    path = PurePath(frame.f_code.co_filename)
    module = str(frame.f_globals.get("__name__", ""))
    kept = module.count(".") + 1 + (path.name == "__init__.py")
    return redact(f"{'/'.join(path.parts[-kept:])}:{frame.f_lineno} in {frame.f_code.co_qualname}")


def _where(stack: tuple[str, ...]) -> str:
    if not stack:
        return "while no Python code ran: the process was stopped, or got no CPU time"
    return f"at {', called from '.join(stack)}"
