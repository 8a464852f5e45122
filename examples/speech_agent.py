"""A speech-to-speech agent: what the callee says goes to a service at 16 kHz, its answers come back at 24 kHz."""

import asyncio
import math
import struct
import sys
from collections.abc import AsyncIterator

from offhook import AudioFrame, Call, Phone, SpeechDetector, SpeechStarted, SpeechStopped


class Service:
    """Stands in for yours: answers twice, with 3 s of tone in chunks of 100 ms, and then says goodbye."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str | AsyncIterator[bytes]] = asyncio.Queue()
        self._detector, self._position, self._answers = SpeechDetector(16_000), 0, 0

    def send(self, pcm: bytes) -> None:
        change = self._detector.feed(AudioFrame(pcm, 16_000, self._position))
        self._position += len(pcm) // 2
        if isinstance(change, SpeechStarted):
            self.events.put_nowait("speech started")
        elif isinstance(change, SpeechStopped):
            self._answers += 1
            self.events.put_nowait(self._answer())
            if self._answers == 2:
                self.events.put_nowait("goodbye")

    async def _answer(self) -> AsyncIterator[bytes]:
        for first in range(0, 72_000, 2_400):
            await asyncio.sleep(0.02)  # several times faster than real time, as such services are
            yield struct.pack("<2400h", *(round(6_000 * math.sin(n * 0.115)) for n in range(first, first + 2_400)))


async def hear(call: Call, service: Service) -> None:
    async for frame in call.audio(rate_hz=16_000):
        service.send(frame.pcm)


async def speak(call: Call, service: Service) -> None:
    speaking = None
    while (event := await service.events.get()) != "goodbye":
        if not isinstance(event, str):
            speaking = call.play(event, rate_hz=24_000)
        elif speaking and speaking.ended is None:
            call.clear()  # the rest is not sent; the service wants to know how much was
            print(f"spoken over after {speaking.position_ms:.0f} ms of the answer")
    await call.hang_up(after="playout")


async def main(number: str) -> None:
    async with Phone.from_env() as phone, phone.dial(number) as call:
        if await call.answered():
            service = Service()
            await asyncio.gather(hear(call, service), speak(call, service))
    print(call.record.disposition)


asyncio.run(main(*(sys.argv[1:] or ["+14155550108"])))
