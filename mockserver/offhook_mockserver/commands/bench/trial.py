"""One trial: a number of calls at once, whose audio is checked at both ends."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook import CallPolicy, LoadPolicy, OffhookError, Phone
from offhook.interfaces import SystemClock
from offhook_mockserver.commands.bench.callees import losses_at_callees, number, script_of
from offhook_mockserver.commands.bench.lateness import Lateness, cpu_s
from offhook_mockserver.commands.bench.tones import seconds_without, tone_hz
from offhook_mockserver.commands.own_mock import own_mock

if TYPE_CHECKING:
    from collections.abc import Collection

    from offhook import Call
    from offhook.cli import Stop
    from offhook_mockserver.commands.own_mock import OwnMock

#: From the moment in which all calls talk until measuring begins, in seconds.
_SETTLE_S: Final = 2.0
#: How long dialling may take for all calls, and in addition for each of them, in seconds.
_DIAL_LIMIT_S: Final = 10.0
_EACH_S: Final = 0.2
#: How late 99 of 100 timers may be, in milliseconds.
LATE_LIMIT_MS: Final = 10.0
#: No call is refused here, and few are dialled at a time.
_LOAD: Final = LoadPolicy(
    late_limit_ms=None, busy_limit_percent=None, dials_at_once=4, waiting_limit=100_000, wait_s=600
)
_POLICY: Final = CallPolicy(ring_timeout_s=20)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial showed.

    Attributes:
        calls: how many calls were dialled.
        up: how many of these were answered in time.
        dial_s: how long that took, in seconds.
        busy_percent: how much of one core this process used, in percent.
        mock_percent: how much the mock's process used; None where the system does not show it.
        late_p99_ms: 99 of 100 timers of this process's loop were late by at most this, in milliseconds.
        skipped: frames that were never sent because the loop was late; both directions in `lost`.
        lost: frames that were lost, late or concealed at the caller.
        lost_at_callees: the same at the callees, all kinds together.
        silent_s: seconds of the callees' recordings that lack the caller's own tone.
        problem: what failed; empty if nothing did.
    """

    calls: int
    up: int
    dial_s: float
    busy_percent: float
    mock_percent: float | None
    late_p99_ms: float
    skipped: int
    lost: int
    lost_at_callees: int
    silent_s: int
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether every call was up and all audio arrived in time."""
        damage = self.skipped + self.lost + self.lost_at_callees + self.silent_s
        return self.up == self.calls and self.late_p99_ms <= LATE_LIMIT_MS and not damage and not self.problem


async def try_calls(calls: int, talk_s: float, stop: Stop, printed: Collection[str]) -> Trial:
    """Place calls to a mock in another process, and let both ends of each talk.

    Args:
        calls: how many.
        talk_s: how long to measure once all talk, in seconds.
        stop: ends the mock if this process is ended.
        printed: see `own_mock`.

    Raises:
        TransportUnavailable: the mock did not start.
    """
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        scripts, recordings = Path(folder, "callees.toml"), Path(folder, "heard")
        scripts.write_text(script_of(calls), encoding="utf-8")
        options = ("--scripts", str(scripts), "--recordings", str(recordings))
        async with own_mock(stop, printed, *options) as mock:
            measured, channels = await _place(calls, talk_s, mock)
            lost_at_callees = await losses_at_callees(mock, channels.values())
        silent_s = await asyncio.to_thread(
            lambda: sum(
                seconds_without(recordings / f"{channel}.callee.wav", tone_hz(index))
                for index, channel in channels.items()
            )
        )
    up, dial_s, busy, mock_percent, late_p99_ms, skipped, lost, problem = measured
    return Trial(calls, up, dial_s, busy, mock_percent, late_p99_ms, skipped, lost, lost_at_callees, silent_s, problem)


_Measured = tuple[int, float, float, float | None, float, int, int, str]


async def _place(calls: int, talk_s: float, mock: OwnMock) -> tuple[_Measured, dict[int, str]]:
    """Dial, measure and hang up; returns what was measured here, and the channel of each call that was answered."""
    loop, clock = asyncio.get_running_loop(), SystemClock()
    problems: list[str] = []
    answered: dict[int, Call] = {}

    async def dial(phone: Phone, index: int) -> None:
        try:
            call = await phone.dial(number(index)).__aenter__()
            if await call.answered():
                call.play(f"tone:{tone_hz(index)}")
                answered[index] = call
        except OffhookError as error:
            problems.append(error.message)

    phone = Phone.from_env(mock.environment, policy=_POLICY, store=None, call_limit=calls, load_policy=_LOAD)
    async with phone:
        began_s = loop.time()
        tasks = [asyncio.create_task(dial(phone, index)) for index in range(calls)]
        _, slow = await asyncio.wait(tasks, timeout=_DIAL_LIMIT_S + _EACH_S * calls)
        dial_s = loop.time() - began_s
        up = len(answered)
        if slow:  # far too many: no need to measure
            late_p99_ms, busy, mock_percent = phone.load.late_ms, phone.load.busy_percent, None
            problems.append(f"{len(slow)} calls were not answered within {dial_s:.0f} s")
        else:
            await asyncio.sleep(_SETTLE_S)
            lateness, began_s = Lateness(), loop.time()
            spent_s, mock_spent_s = clock.thread_cpu_s(), cpu_s(mock.pid)
            await asyncio.sleep(talk_s)
            took_s = loop.time() - began_s
            busy = 100 * (clock.thread_cpu_s() - spent_s) / took_s
            mock_now_s = cpu_s(mock.pid)
            known = mock_now_s is not None and mock_spent_s is not None
            mock_percent = 100 * (mock_now_s - mock_spent_s) / took_s if known else None
            lateness.stop()
            late_p99_ms = lateness.p99_ms()
        for task in slow:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    counts = [call.record.counters for call in answered.values()]
    skipped = sum(each.get("frames_skipped", 0) for each in counts)
    lost = sum(each.get(name, 0) for each in counts for name in ("packets_lost", "frames_late", "frames_concealed"))
    measured = (up, dial_s, busy, mock_percent, late_p99_ms, skipped, lost, problems[0] if problems else "")
    return measured, {index: call.record.channel for index, call in answered.items()}
