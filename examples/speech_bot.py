"""Answers speech with speech, and stops talking when it is spoken over (barge-in)."""

import asyncio
import sys

from offhook import Call, Phone, PlayHandle, SpeechDetector, SpeechStarted, SpeechStopped


async def converse(call: Call, answer: str, most_answers: int) -> None:
    ears = call.audio(rate_hz=16_000)
    detector = SpeechDetector(ears.rate_hz)
    speaking: PlayHandle | None = None
    answers = 0
    async for frame in ears:
        change = detector.feed(frame)
        if isinstance(change, SpeechStarted) and speaking is not None and speaking.ended is None:
            print(f"spoken over after {call.clear():.0f} ms")
        elif isinstance(change, SpeechStopped):
            answers += 1
            print(f"answer {answers}")
            speaking = call.play(answer)
            if answers == most_answers:
                return


async def main(number: str, answer: str) -> None:
    async with Phone.from_env() as phone, phone.dial(number) as call:
        if await call.answered():
            await converse(call, answer, most_answers=2)
            await call.hang_up(after="playout")
    print(call.record.disposition)


asyncio.run(main(*(sys.argv[1:] + ["+14155550108", "wav:greeting.wav"][len(sys.argv) - 1 :])))
