"""One measured process: places calls of a minute in virtual time with the offhook of a checkout.

    python tests/bench/virtual_call.py CHECKOUT CALLS

It uses only what every version has: a phone, `InProcessMock`, the transport ``memory``, a callee who echoes, a program
that plays and listens. Nothing is recorded. It prints a JSON object: the CPU time of each call, mock and phone
included, in milliseconds, and what was heard, which must be the same for all versions.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

CHECKOUT: Final = Path(sys.argv[1]).resolve()
for folder in ("core", "mockserver", "plugins"):
    sys.path.insert(0, str(CHECKOUT / folder))
sys.path.append(str(Path(__file__).resolve().parents[2]))

from tests.bench.voice import PERIOD_FRAMES, table  # noqa: E402

import offhook  # noqa: E402 - of the checkout
from offhook import AudioFrame  # noqa: E402
from offhook.interfaces import AudioSource, Ids  # noqa: E402
from offhook.testing import LoopClock, run_virtual  # noqa: E402
from offhook_mockserver.server import Answer, Echo, InProcessMock, Ring, Script  # noqa: E402

if TYPE_CHECKING:
    from offhook import Call

_RATE_HZ: Final = 16_000
_TALK_S: Final = 60
#: The first calls of a process load things.
_DROPPED: Final = 2


class Hum(AudioSource):
    """Audio without end that costs nothing to make."""

    def __init__(self) -> None:
        self._index = 0

    async def read(self) -> AudioFrame | None:
        self._index += 1
        return AudioFrame(table(_RATE_HZ)[self._index % PERIOD_FRAMES], _RATE_HZ)

    async def aclose(self) -> None:
        pass


async def call_once() -> list[int]:
    """Place a call; returns how many frames both sides heard, and how many samples the callee missed."""
    heard = 0

    async def listen(call: Call) -> None:
        nonlocal heard
        async for _ in call.audio():
            heard += 1

    script = Script("echoes", (Ring(2), Answer(), Echo()))
    async with (
        InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script) as mock,
        mock.phone() as phone,
        phone.dial("+14155550123") as call,
    ):
        await call.answered()
        call.play(Hum())
        listener = asyncio.create_task(listen(call))
        await asyncio.sleep(_TALK_S)
        (live,) = mock.tenant.calls.values()
    await listener
    counters = live.callee.counters()
    return [heard, counters["frames_heard"], counters["frames_spoken"], counters["gap_samples"]]


def main() -> None:
    """Place the calls and print what they took."""
    assert Path(offhook.__file__).is_relative_to(CHECKOUT), offhook.__file__
    spent_ms: list[float] = []
    heard: list[int] = []
    for _ in range(_DROPPED + int(sys.argv[2])):
        before_s = time.process_time()
        heard = run_virtual(call_once())
        spent_ms.append((time.process_time() - before_s) * 1000)
    json.dump({"ms": spent_ms[_DROPPED:], "heard": heard}, sys.stdout)


if __name__ == "__main__":
    main()
