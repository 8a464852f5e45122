"""Admission by load: calls that are up keep their audio, and a further one waits for its turn or is refused.

A call waits while the loop is late, while the calls that are up would fill a core once all of them talk, or while
others are being dialled: dialling costs more at once than talking, so it yields to audio. Who came first is dialled
first.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.call.call_costs import CallCosts
from offhook.call.load_figures import PhoneLoad, UpCall, reason
from offhook.errors import CallStateError, OffhookError, Overloaded
from offhook.interfaces.loop_load import LoadMeter
from offhook.interfaces.numbers import mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.call.load_policy import LoadPolicy
    from offhook.interfaces.clock import Clock


_log: Final = logging.getLogger("offhook")

#: This number of calls is dialled whatever the load is.
ALWAYS: Final = 8
#: After this time, in seconds, a call counts no longer as being dialled, even if its carrier has not answered.
_DIALLING_S: Final = 1.0
#: From how long a time the costs are learnt at once, in seconds.
_LEARN_S: Final = 0.5
#: The log says at most once in this time, in seconds, that calls wait or are refused.
_LOG_EVERY_S: Final = 10.0


@dataclass(slots=True)
class _Since:
    """What was measured since the costs were last learnt.

    Attributes:
        took_s: for how long, in seconds.
        busy_s: how long the loop's thread was busy in it, in seconds.
        talked_s: how long all calls talked, together, in seconds.
        dialled: how many calls were dialled; the beginning of dialling and its end count as a half each.
    """

    took_s: float = 0.0
    busy_s: float = 0.0
    talked_s: float = 0.0
    dialled: float = 0.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A call that waits for its turn.

    Attributes:
        number: whom it is for.
        came_s: since when, in the loop's time.
        until_s: how long, in the loop's time.
        turn: done when its turn has come; its result is the error if that will not come.
    """

    number: str
    came_s: float
    until_s: float
    turn: asyncio.Future[OffhookError | None]


class LoadAdmission:
    """Admits the calls of one phone by the load of its loop.

    Args:
        policy: the limits; None measures nothing and admits every call at once.
        clock: the time of the phone. With another one than the machine's, the thread counts as idle.
    """

    def __init__(self, policy: LoadPolicy | None, clock: Clock) -> None:
        self._meter = LoadMeter(clock, self._looked)
        self._policy = policy
        self._costs = CallCosts()
        self._since = _Since()
        self._up: dict[str, UpCall] = {}
        self._dialling: dict[str, UpCall] = {}
        self._talking = 0
        #: Those who wait, in the order in which they came.
        self._waiting: dict[str, _Waiting] = {}
        #: Ends the wait of the first of them.
        self._patience: asyncio.TimerHandle | None = None
        self._refused = 0
        self._logged_at_s: float | None = None

    @property
    def load(self) -> PhoneLoad:
        """What is known now."""
        load = self._meter.load
        expected = self._expected_percent() if self._up else 0.0
        counts = (len(self._up), self._talking, len(self._waiting), self._refused)
        return PhoneLoad(load.late_ms, load.busy_percent, expected, *counts)

    # ---- the life of a call

    async def enter(self, call_id: str, number: str) -> None:
        """Admit a call, perhaps after a wait; `leave` gives its place back.

        Raises:
            Overloaded: too many calls wait, or the load did not fall in time.
            CallStateError: `forget` was called meanwhile.
        """
        loop, policy = asyncio.get_running_loop(), self._policy
        came_s = loop.time()
        if policy is None or (not self._waiting and self._may_enter(policy, came_s)):
            self._begin(call_id, came_s, came_s)
            return
        if len(self._waiting) >= policy.waiting_limit:
            problem = self._why(policy) or f"{len(self._dialling)} calls are being dialled"
            more = f", and {len(self._waiting)} calls wait already, which is the limit" if policy.waiting_limit else ""
            raise self._overloaded(number, problem + more)
        turn: asyncio.Future[OffhookError | None] = loop.create_future()
        self._waiting[call_id] = _Waiting(number, came_s, came_s + policy.wait_s, turn)
        self._watch_waits()
        if problem := self._why(policy):  # those who only wait for others to be dialled wait for a moment
            self._log("wait", problem)
        try:
            error = await turn
            if error is not None:
                raise error
        except BaseException:
            self._stop_waiting(call_id)
            self.leave(call_id)
            raise

    def check(self, number: str) -> None:
        """Find out whether the load would be in the way of a call, and take nothing.

        Raises:
            Overloaded: it would.
        """
        problem = self._why(self._policy) if self._policy is not None and len(self._up) >= ALWAYS else ""
        if problem:
            raise self._overloaded(number, problem)

    def forget(self, call_id: str) -> None:
        """Wait no longer for the turn of a call, which was hung up: `enter` raises an error. Idempotent."""
        waiting = self._stop_waiting(call_id)
        if waiting is not None and not waiting.turn.done():
            waiting.turn.set_result(CallStateError("this call was hung up before it was dialled: nothing has rung"))

    def dialled(self, call_id: str) -> None:
        """Our leg has joined: the next one may be dialled. Idempotent."""
        if self._dialling.pop(call_id, None) is not None:
            self._since.dialled += 0.5
            self._admit()

    def talks(self, call_id: str) -> None:
        """The call was answered. Idempotent."""
        call = self._up.get(call_id)
        if call is not None and not call.talking:
            call.talking = True
            self._talking += 1

    def leave(self, call_id: str) -> Mapping[str, int]:
        """Give the place of a call back. Idempotent.

        Returns:
            What was measured while it was up, as counters; empty if nothing was measured, and the second time.
        """
        self.dialled(call_id)
        call = self._up.pop(call_id, None)
        if call is None:
            return {}
        self._talking -= call.talking
        self._admit()
        if not self._up:
            self._meter.stop()
        return {} if self._policy is None else call.counters(self._meter.load)

    # ---- inside

    def _begin(self, call_id: str, now_s: float, came_s: float) -> None:
        if not self._up:
            self._since = _Since()
        if self._policy is not None:
            self._meter.start()
        call = UpCall(now_s, now_s - came_s)
        self._up[call_id] = self._dialling[call_id] = call
        self._since.dialled += 0.5

    def _may_enter(self, policy: LoadPolicy, now_s: float) -> bool:
        if len(self._up) < ALWAYS:
            return True
        for call_id, call in tuple(self._dialling.items()):  # the oldest first
            if now_s - call.at_s < _DIALLING_S:
                break
            del self._dialling[call_id]
        places = policy.dials_at_once
        if policy.late_limit_ms is not None:  # the later the loop, the fewer
            places = max(1, int(places * (1 - self._meter.late_now_ms / policy.late_limit_ms)))
        return len(self._dialling) < places and not self._why(policy)

    def _why(self, policy: LoadPolicy) -> str:
        """Which limit is reached, in a clause; empty if none is."""
        return reason(self._meter.load, self._expected_percent(), len(self._up), policy)

    def _expected_percent(self) -> float:
        return self._costs.expected_percent(len(self._up) + 1)

    def _admit(self) -> None:
        """Let those in whose turn it is."""
        policy = self._policy
        if not self._waiting or policy is None:
            return
        now_s = asyncio.get_running_loop().time()
        while self._waiting and self._may_enter(policy, now_s):
            call_id, waiting = next(iter(self._waiting.items()))
            self._begin(call_id, now_s, waiting.came_s)
            self._stop_waiting(call_id)
            waiting.turn.set_result(None)

    def _stop_waiting(self, call_id: str) -> _Waiting | None:
        waiting = self._waiting.pop(call_id, None)
        if not self._waiting and self._patience is not None:
            self._patience.cancel()
            self._patience = None
        return waiting

    def _watch_waits(self, *, least_s: float = 0.0) -> None:
        """End the wait of the first one when its time is up, and not before `least_s` from now."""
        if self._patience is None and self._waiting:
            loop, first = asyncio.get_running_loop(), next(iter(self._waiting.values()))
            self._patience = loop.call_at(max(first.until_s, loop.time() + least_s), self._lose_patience)

    def _lose_patience(self) -> None:
        """Refuse the first one if its time is up; one in each turn of the loop, since all may have come together."""
        self._patience = None
        policy = self._policy
        assert policy is not None
        call_id, first = next(iter(self._waiting.items()))
        least_s = 0.0
        if first.until_s <= asyncio.get_running_loop().time():
            if problem := self._why(policy):
                self._stop_waiting(call_id)
                problem = f"{problem}, and that did not change within {policy.wait_s:g} s"
                first.turn.set_result(self._overloaded(first.number, problem))
            else:  # only others that are dialled are in its way: its turn comes soon
                least_s = _DIALLING_S
        self._watch_waits(least_s=least_s)

    def _looked(self, took_s: float, busy_s: float) -> None:
        since = self._since
        since.took_s += took_s
        since.busy_s += busy_s
        since.talked_s += took_s * self._talking
        if since.took_s >= _LEARN_S:
            self._since = _Since()
            self._costs.learn(since.took_s, since.busy_s, since.talked_s / since.took_s, since.dialled)
            load = self._meter.load
            for call in self._up.values():
                call.see(load)
        self._admit()

    def _overloaded(self, number: str, problem: str) -> Overloaded:
        self._refused += 1
        self._log("are refused", problem)
        return Overloaded(
            f"{mask(number)} was not dialled, so that the calls that are up keep their audio: {problem}. Nothing has "
            "rung. Place fewer calls at once, or use more processes (offhook docs scale-up); "
            "LoadPolicy has the limits"
        )

    def _log(self, what: str, problem: str) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._logged_at_s is None or now_s - self._logged_at_s >= _LOG_EVERY_S:
            self._logged_at_s = now_s
            _log.warning("new calls %s: %s", what, problem)
