"""One trial: a number of calls at once, whose audio is checked at both ends."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook_mockserver.commands.bench.callees import losses_at_callees, script_of
from offhook_mockserver.commands.bench.caller import Caller
from offhook_mockserver.commands.bench.tones import seconds_without, tone_hz
from offhook_mockserver.commands.own_mock import own_mock

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from offhook.cli import Stop
    from offhook_mockserver.commands.bench.caller import Measured

#: How late 99 of 100 timers may be, in milliseconds.
LATE_LIMIT_MS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial showed.

    Attributes:
        calls: how many calls were dialled.
        up: how many of these were answered in time.
        dial_s: how long that took, in seconds.
        measured: what the processes needed; None if too few calls were answered.
        skipped: frames that were never sent, because the caller's loop was late.
        lost: frames that were lost, late or concealed at the caller.
        lost_at_callees: the same at the callees, and frames that the mock never sent, because its loop was late.
        silent_s: how many seconds of the callees' recordings lack their own caller's tone.
        problem: what failed; empty if nothing did.
    """

    calls: int
    up: int
    dial_s: float
    measured: Measured | None
    skipped: int
    lost: int
    lost_at_callees: int
    silent_s: int
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether every call was up and all audio arrived in time."""
        on_time = self.measured is not None and self.measured.late_p99_ms <= LATE_LIMIT_MS
        damage = self.skipped + self.lost + self.lost_at_callees + self.silent_s
        return self.up == self.calls and on_time and not damage and not self.problem


async def try_calls(calls: int, talk_s: float, stop: Stop, printed: Collection[str]) -> Trial:
    """Place calls to a mock in another process, and let both ends of each talk.

    Args:
        calls: how many.
        talk_s: how long to measure once all talk, in seconds.
        stop: ends the mock if this process is ended.
        printed: see `own_mock`.

    Raises:
        TransportUnavailable: the mock did not start, or does not say what it lost.
    """
    caller = Caller(calls)
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        scripts, recordings = Path(folder, "callees.toml"), Path(folder, "heard")
        await asyncio.to_thread(scripts.write_text, script_of(calls), encoding="utf-8")
        async with own_mock(stop, printed, "--scripts", str(scripts), "--recordings", str(recordings)) as mock:
            await caller.run(talk_s, mock)
            lost_at_callees = await losses_at_callees(mock, caller.channels.values())
        silent_s = await asyncio.to_thread(_silent_s, recordings, caller.channels)
    return Trial(
        calls=calls,
        up=len(caller.channels),
        dial_s=caller.dial_s,
        measured=caller.measured,
        skipped=caller.skipped,
        lost=caller.lost,
        lost_at_callees=lost_at_callees,
        silent_s=silent_s,
        problem=caller.problem,
    )


def _silent_s(recordings: Path, channels: Mapping[int, str]) -> int:
    return sum(
        seconds_without(recordings / f"{channel}.callee.wav", tone_hz(index)) for index, channel in channels.items()
    )
