"""One measured process: many calls of a minute at once in virtual time, with the offhook of a checkout.

    python tests/bench/virtual_many.py CHECKOUT CALLS

It uses only what every version has, as `virtual_call.py` does. It prints a JSON object: the CPU time of one call, mock
and phone included, in milliseconds, how many calls were answered, and the fewest frames that a caller and a callee
heard.
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
from offhook import AudioFrame, Phone  # noqa: E402
from offhook.interfaces import AudioSource, Ids  # noqa: E402
from offhook.testing import LoopClock, run_virtual  # noqa: E402
from offhook_mockserver.server import Answer, Echo, InProcessMock, Ring, Script  # noqa: E402
from offhook_mockserver.tenants.settings import TenantBounds  # noqa: E402

if TYPE_CHECKING:
    from offhook import Call

_RATE_HZ: Final = 16_000
_TALK_S: Final = 60


class Hum(AudioSource):
    """Audio without end that costs nothing to make."""

    def __init__(self) -> None:
        self._index = 0

    async def read(self) -> AudioFrame | None:
        self._index += 1
        return AudioFrame(table(_RATE_HZ)[self._index % PERIOD_FRAMES], _RATE_HZ)

    async def aclose(self) -> None:
        pass


async def call_once(phone: Phone, number: str) -> int:
    """Place a call; returns how many frames the caller heard, or -1 if it was not answered."""
    heard = 0

    async def listen(call: Call) -> None:
        nonlocal heard
        async for _ in call.audio():
            heard += 1

    async with phone.dial(number) as call:
        if not await call.answered():
            return -1
        call.play(Hum())
        listener = asyncio.create_task(listen(call))
        await asyncio.sleep(_TALK_S)
    await listener
    return heard


async def main(calls: int) -> dict[str, float]:
    """Place the calls."""
    script = Script("echoes", (Ring(2), Answer(), Echo()))
    bounds = TenantBounds(calls=calls, members=2 * calls)
    async with InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script, bounds=bounds) as mock:
        phone = Phone.from_env(
            mock.environment,
            call_limit=calls,
            store=None,
            transport=mock.transport(),
            http=mock.http(),
            clock=mock.clock,
            ids=mock.ids,
        )
        async with phone:
            numbers = [f"+1{201 + index // 100}55501{index % 100:02d}" for index in range(calls)]
            start_s = time.process_time()
            heard = await asyncio.gather(*(call_once(phone, number) for number in numbers))
            spent_s = time.process_time() - start_s
        callees = [call.counters()["frames_heard"] for call in mock.tenant.ended]
    return {
        "ms": 1000 * spent_s / calls,
        "answered": sum(each >= 0 for each in heard),
        "least_heard": min(heard),
        "least_there": min(callees, default=0),
    }


if __name__ == "__main__":
    assert Path(offhook.__file__).is_relative_to(CHECKOUT), offhook.__file__
    json.dump(run_virtual(main(int(sys.argv[2]))), sys.stdout)
