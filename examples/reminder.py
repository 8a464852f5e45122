"""Reminds a person of an appointment. It stops when it is spoken over, and says it again when it is quiet."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from offhook import AudioSource, Call, Phone, SpeechDetector, SpeechStarted, SpeechStopped

REMINDER = Path(__file__).parent / "greeting.wav"


async def remind(number: str, plugins: Sequence[object] = ()) -> str:
    async with Phone.from_env(plugins=plugins) as phone:
        first, again = phone.source(REMINDER), phone.source(REMINDER)  # opened before anything rings
        async with phone.dial(number) as call:
            if await call.answered():
                await talk(call, first, again)
    return str(call.record.disposition)


async def talk(call: Call, first: AudioSource, again: AudioSource) -> None:
    call.play(first)
    detector = SpeechDetector(16_000)
    async for frame in call.audio(rate_hz=16_000):
        change = detector.feed(frame)
        if isinstance(change, SpeechStarted):
            call.clear()  # a person, or the greeting and the beep of a voicemail
        elif isinstance(change, SpeechStopped):
            call.play(again)
            await call.hang_up(after="playout")


if __name__ == "__main__":
    print(asyncio.run(remind(sys.argv[1])))
