"""Says back what it hears, as it hears it, until the callee hangs up or 20 seconds have passed."""

import asyncio
import sys

from offhook import CallPolicy, Phone


async def main(number: str) -> None:
    async with Phone.from_env(policy=CallPolicy(max_duration_s=20)) as phone, phone.dial(number) as call:
        if await call.answered():
            call.play(call.audio())  # any iterable of frames can be played; the pacer reads no more than it needs
        await call.ended()
    print(call.record.disposition, call.record.counters)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "+14155550101"))
