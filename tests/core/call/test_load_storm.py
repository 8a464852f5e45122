"""Two hundred calls in one second: those that are up keep their audio (F36).

The machine is simulated in virtual time: each frame of a call that talks, and each step of dialling, blocks the loop
for as long as it takes on a machine of that speed. Admission is the real one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER

from offhook import LoadPolicy
from offhook.call.load_admission import LoadAdmission
from offhook.errors import Overloaded
from offhook.interfaces import SystemClock
from offhook.media.pacer import Pacer
from offhook.testing import VirtualLoop, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

#: Dialling costs as much as this many seconds of talking, in this number of steps, with waits for the other side.
DIAL_OF_TALK, STEPS, WAIT_S = 1.2, 5, 0.01
REQUESTED = 200


class Machine(SystemClock):
    """A machine, and the calls on it.

    Args:
        talk_share: the part of a core that a call needs while it talks.
        base_share: the part of a core that is needed as soon as one talks.
        ring_s: how long callees ring, in seconds.
        refusal_s: how much the program computes for a call that is refused, in seconds.
    """

    def __init__(self, talk_share: float, base_share: float, ring_s: float, refusal_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop: VirtualLoop = loop
        self._dial_s = DIAL_OF_TALK * talk_share
        self._talk_s = talk_share * 0.02
        self._base_s = base_share * 0.02
        self._ring_s = ring_s
        self._refusal_s = refusal_s
        self._cpu_s = 0.0
        self.pacers: list[Pacer] = []
        self.refused = 0

    def thread_busy_s(self) -> float:
        return self._cpu_s

    def work(self, seconds: float) -> None:
        """Compute."""
        self._cpu_s += seconds
        self.loop.block(seconds)

    async def call(self, admission: LoadAdmission, name: str) -> None:
        """Dial, ring and talk."""
        try:
            await admission.enter(name, NUMBER)
        except Overloaded:
            self.work(self._refusal_s)
            self.refused += 1
            return
        for _ in range(STEPS):
            self.work(self._dial_s / STEPS)
            await asyncio.sleep(WAIT_S)
        admission.dialled(name)
        await asyncio.sleep(self._ring_s)
        admission.talks(name)
        first = not self.pacers
        pacer = Pacer(self.loop, self._frame(first))
        self.pacers.append(pacer)
        pacer.start()

    def _frame(self, first: bool) -> Callable[[int], None]:
        spent_s = self._talk_s + (self._base_s if first else 0.0)
        return lambda index: self.work(spent_s)


@pytest.mark.fault("F36")
@pytest.mark.parametrize("ring_s", [0.2, 3.0, 20.0])
@pytest.mark.parametrize(
    ("talk_share", "base_share", "carried"),
    [(0.0166, 0.054, 55), (0.009, 0.03, 105), (0.04, 0.1, 22)],
    ids=["a slow machine", "a machine", "a very slow machine"],
)
def test_a_storm_of_calls_harms_none_that_is_up(
    talk_share: float, base_share: float, carried: int, ring_s: float
) -> None:
    up, skipped, refused = storm(lambda: Machine(talk_share, base_share, ring_s))
    assert up + refused == REQUESTED
    assert skipped == 0
    assert carried * 0.55 < up < carried


@pytest.mark.fault("F36")
def test_refusing_many_that_came_together_harms_none_that_is_up() -> None:
    up, skipped, refused = storm(lambda: Machine(0.0166, 0.054, ring_s=0.2, refusal_s=0.003))
    assert refused > 140, "so many milliseconds, times three, in one turn would be more than a pacer catches up"
    assert (up + refused, skipped) == (REQUESTED, 0)


def storm(make_machine: Callable[[], Machine]) -> tuple[int, int, int]:
    """Two hundred calls at once. Returns how many were up, how many frames these skipped, and how many were refused."""

    async def main() -> tuple[int, int, int]:
        machine = make_machine()
        admission = LoadAdmission(LoadPolicy(waiting_limit=REQUESTED), machine)
        calls = [asyncio.create_task(machine.call(admission, str(index))) for index in range(REQUESTED)]
        await asyncio.wait(calls)
        await asyncio.sleep(10)
        for pacer in machine.pacers:
            pacer.stop()
        for index in range(REQUESTED):
            admission.leave(str(index))
        return len(machine.pacers), sum(pacer.skipped for pacer in machine.pacers), machine.refused

    return run_virtual(main())
