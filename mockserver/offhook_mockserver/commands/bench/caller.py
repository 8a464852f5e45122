"""The caller of a trial: this process, which dials, plays tones, and measures itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook import CallPolicy, LoadPolicy, OffhookError, Phone
from offhook.interfaces import SystemClock
from offhook_mockserver.commands.bench.callees import number
from offhook_mockserver.commands.bench.lateness import Lateness, share_of
from offhook_mockserver.commands.bench.tones import tone_hz

if TYPE_CHECKING:
    from offhook import Call
    from offhook_mockserver.commands.own_mock import OwnMock

#: From the moment in which all calls talk until measuring begins, in seconds.
_SETTLE_S: Final = 2.0
#: How long dialling may take for all calls, and in addition for each of them, in seconds.
_DIAL_LIMIT_S: Final = 10.0
_EACH_S: Final = 0.2
#: No call is refused here, and few are dialled at a time.
_LOAD: Final = LoadPolicy(
    late_limit_ms=None, busy_limit_percent=None, dials_at_once=4, waiting_limit=100_000, wait_s=600
)
_POLICY: Final = CallPolicy(ring_timeout_s=20)
#: Counters of what did not arrive in time.
_LOST: Final = ("packets_lost", "frames_late", "frames_concealed")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the caller's process needed while all calls talked; percents are of one core.

    Attributes:
        busy_percent: the CPU time of this process's loop.
        mock_percent: the CPU time of the mock's process; None where the system does not show it.
        late_p99_ms: 99 of 100 timers of this process's loop were late by at most this, in milliseconds.
    """

    busy_percent: float
    mock_percent: float | None
    late_p99_ms: float


class Caller:
    """Places the calls of one trial.

    Attributes:
        dial_s: how long it took until all calls were answered, or until that was given up, in seconds.
        measured: what was measured; None if too few calls were answered in time.
        problem: the first thing that failed; empty if nothing did.
    """

    def __init__(self, calls: int) -> None:
        self.dial_s: float = 0.0
        self.measured: Measured | None = None
        self.problem: str = ""
        self._calls = calls
        self._answered: dict[int, Call] = {}

    @property
    def channels(self) -> dict[int, str]:
        """The channel of each call that was answered, by its number from 0 on."""
        return {index: call.record.channel for index, call in self._answered.items()}

    @property
    def skipped(self) -> int:
        """Frames that were never sent, because this process was late."""
        return self._counted("frames_skipped")

    @property
    def lost(self) -> int:
        """Frames that did not arrive here in time."""
        return self._counted(*_LOST)

    async def run(self, talk_s: float, mock: OwnMock) -> None:
        """Dial, talk, measure for `talk_s`, and hang up."""
        loop = asyncio.get_running_loop()
        phone = Phone.from_env(mock.environment, policy=_POLICY, store=None, call_limit=self._calls, load_policy=_LOAD)
        async with phone:
            began_s = loop.time()
            tasks = [asyncio.create_task(self._dial(phone, index)) for index in range(self._calls)]
            try:
                _, slow = await asyncio.wait(tasks, timeout=_DIAL_LIMIT_S + _EACH_S * self._calls)
                self.dial_s = loop.time() - began_s
                if slow:
                    self._fail(f"{len(slow)} calls were not answered within {self.dial_s:.0f} s")
                else:
                    await asyncio.sleep(_SETTLE_S)
                    self.measured = await _measure(talk_s, mock.pid)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _dial(self, phone: Phone, index: int) -> None:
        try:
            call = await phone.dial(number(index)).__aenter__()
            if await call.answered():
                call.play(f"tone:{tone_hz(index)}")
                self._answered[index] = call
            else:
                self._fail(call.record.problem or "a call was not answered")
        except OffhookError as error:
            self._fail(error.message)

    def _fail(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _counted(self, *names: str) -> int:
        return sum(call.record.counters.get(name, 0) for call in self._answered.values() for name in names)


async def _measure(talk_s: float, mock_pid: int) -> Measured:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    lateness, mock_share = Lateness(), share_of(mock_pid)
    began_s, began_busy_s = loop.time(), clock.thread_busy_s()
    await asyncio.sleep(talk_s)
    busy = (clock.thread_busy_s() - began_busy_s) / (loop.time() - began_s)
    lateness.stop()
    return Measured(100 * busy, mock_share(), lateness.p99_ms())
