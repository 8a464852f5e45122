"""One timer for the pacers of an event loop whose frames are due together.

A wake-up of the loop costs more than what a pacer does in it, so that pacers share them. A pacer that starts joins a
timer whose last frame was due a moment ago; where there is none, it begins a timer of its own. On a loop of real time a
moment is a quarter of a frame, so that the frames of many calls are due at a few moments of each 20 ms, and the loop
reads what arrives in between. On a virtual loop it is no time at all: pacers of the same phase share a timer, and tick
in the order in which they were started.
"""

from __future__ import annotations

from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: A pacer joins a timer whose last frame was due at most this part of a frame ago, on a loop of real time.
_MOMENT: Final = 0.25
#: Pacers of one timer, on a loop of real time. Each delays those behind it by what its tick takes.
_MOST: Final = 32
#: What counts as no time, as a part of a frame: loops round the times of timers.
_NOTHING: Final = 1e-6
#: No frame has this number.
_OVER: Final = -1


class Run:
    """A pacer from its start to its stop.

    Args:
        tick: called with the index of the frame that is due; must not block or raise.
        most_lag: how many frames it catches up one by one.
        on_skip: called with the number of frames that it skips instead.

    Attributes:
        first: the number of its frame 0 among the frames of its timer.
        following: the number of the frame that is due next; `_OVER` when the run is over.
    """

    __slots__ = ("first", "following", "most_lag", "on_skip", "tick")

    def __init__(self, tick: Callable[[int], None], most_lag: int, on_skip: Callable[[int], None]) -> None:
        self.tick: Callable[[int], None] = tick
        self.most_lag: int = most_lag
        self.on_skip: Callable[[int], None] = on_skip
        self.first: int = 0
        self.following: int = 0


class PaceTimer:
    """One timer, from the start of the first pacer until no pacer is left.

    Frame *n* is due at ``anchor_s + n * ptime_s``, whatever happened to the frames before it.

    Each pacer ticks in the context in which it was started, as with a timer of its own. The timer itself runs in that
    of its first pacer, while that one runs, so that a pacer that is alone pays nothing for this.

    Args:
        loop: the event loop.
        anchor_s: when frame 0 is due, by the loop's clock.
        ptime_s: length of a frame, in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, anchor_s: float, ptime_s: float) -> None:
        self.ptime_s = ptime_s
        self.anchor_s = anchor_s
        #: In the order in which they were started; a dictionary, so that removing one takes no time.
        self.runs: dict[Run, None] = {}
        #: `runs` as they are walked through, since they may change meanwhile; None if they have changed since.
        self._walked: tuple[Run, ...] | None = ()
        self._loop = loop
        #: A virtual loop can use one timer for all frames.
        self._again: Callable[[asyncio.Handle | None, float], bool] | None = getattr(loop, "call_again", None)
        #: The first frame that is not ticked for all pacers, and when it is due. It wakes then, or at the next turn if
        #: that is past.
        self._following = 0
        self._due_at = anchor_s
        #: A frame is ticked so much early, in seconds.
        self._early_s = _NOTHING * ptime_s
        #: From when on the next frame is due as well, in seconds after the time of one.
        self._late_s = ptime_s - self._early_s
        #: What will wake it; while it is awake, what has woken it, unless a pacer was started or stopped meanwhile.
        self._timer: asyncio.Handle | None = None
        #: The pacer in whose context it wakes, and a copy of that context.
        self._host: Run | None = None
        self._context = Context()

    def last_due(self, now_s: float) -> tuple[int, float]:
        """The number of the last frame that was due, and how many seconds ago that was."""
        number = int((now_s - self.anchor_s) / self.ptime_s + _NOTHING)
        return number, now_s - self.anchor_s - number * self.ptime_s

    def add(self, run: Run, number: int, now_s: float) -> float:
        """Begin with the frame of this number, which is due now, at the next turn of the loop. Returns its due time."""
        run.first = run.following = number
        wakes = self._timer is not None and self._due_at <= now_s
        if number < self._following:
            self._follow(number)
        if not self.runs:
            self._host, self._context = run, copy_context()
        else:
            run.tick = partial(copy_context().run, run.tick)  # type: ignore[call-arg]  # the index comes later
        self.runs[run] = self._walked = None
        if not wakes:
            self._wake_at(now_s)
        return self.anchor_s + number * self.ptime_s

    def remove(self, run: Run) -> None:
        """Stop a run. It is not ticked any more."""
        run.following = _OVER
        self.runs.pop(run, None)
        self._walked = None
        if not self.runs:
            self._context = Context()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif run is self._host:  # nothing of its context is kept alive for the others
            self._host, self._context = None, Context()
            self._wake_at(self._due_at)

    def _runs(self) -> tuple[Run, ...]:
        """The runs of now, to walk through."""
        walked = self._walked
        if walked is None:
            walked = self._walked = tuple(self.runs)
        return walked

    def _follow(self, number: int) -> None:
        self._following = number
        self._due_at = self.anchor_s + number * self.ptime_s

    def _wake_at(self, when_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._context.run(partial(self._loop.call_at, when_s, self._wake))

    def _wake(self) -> None:
        timer = self._timer
        # The usual case first, since it happens 50 times a second: one frame is due, and no more.
        if -self._early_s <= self._loop.time() - self._due_at < self._late_s:
            number = self._following
            following = self._following = number + 1
            due_at = self._due_at = self.anchor_s + following * self.ptime_s
            again = self._again
            for run in self._runs():
                if run.following == number:
                    run.following = following
                    tick = run.tick  # called as it is, not as a method
                    try:
                        tick(number - run.first)
                    except BaseException:
                        self._give_up(run, timer)
                        raise
            if self._timer is timer and (again is None or not again(timer, due_at)):
                self._timer = self._loop.call_at(due_at, self._wake)
        else:
            self._wake_late(timer)

    def _wake_late(self, timer: asyncio.Handle | None) -> None:
        """The loop was held up, or the timer came too early."""
        due, _ = self.last_due(self._loop.time())
        for run in self._runs():
            number = run.following
            if number == _OVER or number > due:
                continue
            if due - number > run.most_lag:
                run.on_skip(due - number)
                number = due
            run.following = number + 1
            tick = run.tick
            try:
                tick(number - run.first)
            except BaseException:
                self._give_up(run, timer)
                raise
        self._go_on(due, timer)

    def _go_on(self, due: int, timer: asyncio.Handle | None) -> None:
        """Wake for the first frame that is not ticked for all pacers."""
        if not self.runs:
            return
        self._follow(min(run.following for run in self.runs))
        if self._timer is not timer:  # a pacer that was started meanwhile wakes it
            return
        if self._following <= due:
            # Behind: one frame per turn of the loop, so that the task that reads the source can keep up.
            self._timer = self._loop.call_soon(self._wake)
        else:
            self._timer = self._loop.call_at(self._due_at, self._wake)

    def _give_up(self, run: Run, timer: asyncio.Handle | None) -> None:
        """A tick raised: its pacer stops, and the others go on."""
        self.remove(run)
        self._go_on(self.last_due(self._loop.time())[0], timer)


class PaceTimers:
    """The timers of one event loop; see `of_loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop  # kept, so that no other loop gets its id while this is known by it
        self._virtual = hasattr(loop, "call_again")
        self._timers: list[PaceTimer] = []

    @classmethod
    def of_loop(cls, loop: asyncio.AbstractEventLoop) -> PaceTimers:
        """The timers of `loop`, the same for all who have them at a time."""
        timers = _of_loops.get(id(loop))
        if timers is None:
            timers = _of_loops[id(loop)] = cls(loop)
        return timers

    def start(self, run: Run, ptime_s: float) -> tuple[PaceTimer, float]:
        """Start a run. Returns its timer, and when its frame 0 is due."""
        now_s = self._loop.time()
        least_s = (_NOTHING if self._virtual else _MOMENT) * ptime_s
        found: tuple[PaceTimer, int] | None = None
        for timer in self._timers:
            if timer.ptime_s == ptime_s and (self._virtual or len(timer.runs) < _MOST):
                number, since_s = timer.last_due(now_s)
                if since_s <= least_s:
                    found, least_s = (timer, number), since_s
        if found is None:
            found = PaceTimer(self._loop, now_s - self._since_wake_up(ptime_s, now_s), ptime_s), 0
            self._timers.append(found[0])
        return found[0], found[0].add(run, found[1], now_s)

    def _since_wake_up(self, ptime_s: float, now_s: float) -> float:
        """How long ago the loop woke up for frames of another length, if that was a moment ago; else 0.

        What begins then is due together with them, as often as it is due.
        """
        if self._virtual:
            return 0.0
        others = (timer for timer in self._timers if timer.ptime_s != ptime_s)
        since_s = min((timer.last_due(now_s)[1] % ptime_s for timer in others), default=0.0)
        return since_s if since_s <= _MOMENT * ptime_s else 0.0

    def stop(self, timer: PaceTimer, run: Run) -> None:
        """Stop a run. Idempotent."""
        timer.remove(run)
        if not timer.runs and timer in self._timers:
            self._timers.remove(timer)


#: The timers of each loop that has pacers, by the loop's id. An entry goes with the last pacer of its loop.
_of_loops: Final[WeakValueDictionary[int, PaceTimers]] = WeakValueDictionary()
