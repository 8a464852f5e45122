"""A phone that reads no environment: keys from a callable, a policy, a stereo recording, events as they happen."""

import asyncio
import sys

from offhook import AnswerPolicy, CallPolicy, Phone
from offhook_aiortc.transport import AiortcTransport
from offhook_sendblue import CallableAuth, SendblueCarrier


async def main(base_url: str, from_number: str, api_key: str, api_secret: str) -> None:
    async def keys() -> tuple[str, str]:  # called again for every call: read a vault here
        return api_key, api_secret

    phone = Phone(
        carrier=SendblueCarrier(CallableAuth(keys), from_number=from_number, base_url=base_url),
        transport=AiortcTransport(rate_hz=24_000),
        store=None,  # "sqlite" keeps calls with all others; a phone whose carrier is an object keeps none by default
        policy=CallPolicy(answer=AnswerPolicy.FIRST_AUDIO, ring_timeout_s=20, max_duration_s=60),
    )
    async with phone, phone.dial("+14155550101", record="both-sides-*.wav") as call:
        async for entry in call.events():
            print(f"{entry.at_s:6.2f} s  {entry.call.value:8}  {entry.event}  {entry.evidence and entry.evidence.text}")
    print(call.record.outcome)


asyncio.run(main(*sys.argv[1:]))
