"""An example of each type that an application uses, for docs/reference/api.md. A test runs all of them.

`EXAMPLES` has one function for each type; the page shows its body. `phone` dials callees of the mock.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from offhook import (
    AnswerPolicy,
    AudioFrame,
    CallPolicy,
    CallState,
    Cause,
    Disposition,
    EndedBy,
    Evidence,
    Grade,
    LegState,
    LoadPolicy,
    Outcome,
    Phone,
    PlayMode,
    PlayoutEnd,
    PushSource,
    Secret,
    SpeechDetector,
    SpeechStarted,
    SpeechStopped,
    ThreadsafeCall,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

ANSWERS: Final = "+14155550105"


async def phone(phone: Phone) -> None:
    async with phone.dial("+14155550105", from_number=None) as call:
        if await call.answered():
            await call.play("tone:440,0.5").done()
    print(call.record.disposition)


async def call(phone: Phone) -> None:
    async with phone.dial("+14155550105", record="both-*.wav") as call:
        if not await call.answered():
            return
        call.play("tone:440,1")
        async for frame in call.audio(rate_hz=16_000):
            print(frame.position, len(frame.pcm))
            if frame.position >= 16_000:
                break
        await call.hang_up(after="playout")


async def play_handle(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
        handle = call.play("tone:440,2")
        await asyncio.sleep(0.5)
        print(f"{handle.cancel():.0f} ms were sent")
        assert await handle.done() is PlayoutEnd.CANCELED


async def audio_stream(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
        stream = call.audio(rate_hz=24_000)
        frame = await anext(stream)
        print(frame.rate_hz, frame.duration_ms, stream.dropped)


async def audio_frame(phone: Phone) -> None:
    silence = AudioFrame(bytes(640), rate_hz=16_000)
    assert (silence.samples, silence.duration_ms) == (320, 20)
    half = AudioFrame.from_floats([0.5] * 480, rate_hz=24_000)
    assert half.duration_ms == 20


async def push_source(phone: Phone) -> None:
    voice = PushSource()
    async with phone.dial("+14155550105") as call:
        await call.answered()
        handle = call.play(voice)
        for _ in range(10):
            await voice.write(AudioFrame(bytes(640), 16_000))
        voice.end()
        assert await handle.done() is PlayoutEnd.COMPLETED


async def threadsafe_call(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
        ours = ThreadsafeCall(call)
        handle = await asyncio.to_thread(ours.play, "tone:440,0.1")  # returns when the loop has queued the item
        assert await handle.done() is PlayoutEnd.COMPLETED


async def speech_detector(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
        call.play("tone:440,0.6")  # the callee sends back what it hears
        detector = SpeechDetector(16_000)
        async for frame in call.audio(rate_hz=16_000):
            change = detector.feed(frame)
            if isinstance(change, SpeechStarted):
                print(f"the callee speaks: {call.clear():.0f} ms were dropped")
            elif isinstance(change, SpeechStopped):
                break


async def call_policy(phone: Phone) -> None:
    patient = CallPolicy(ring_timeout_s=60, max_duration_s=600, answer=AnswerPolicy.CALLEE_JOINED)
    async with phone.dial("+14155550105", policy=patient) as call:
        assert await call.answered()


async def phone_load(phone: Phone) -> None:
    strict = LoadPolicy(late_limit_ms=10, waiting_limit=20, wait_s=2)
    async with Phone.from_env(load_policy=strict) as busy_phone:
        assert busy_phone.load.waiting == 0
    async with phone.dial("+14155550105"):
        print(phone.load.up, phone.load.late_ms, phone.load.expected_percent)


async def call_record(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
    record = call.record
    print(record.call_id, record.disposition, record.counters["frames_sent"])
    print(record.gaps or "the connection was up all the time")
    for entry in record.timeline:
        print(f"{entry.at_s:.2f} s {type(entry.event).__name__} {entry.evidence} {entry.grade}")


async def outcome(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
    assert call.record.outcome == Outcome(Disposition.COMPLETED, EndedBy.CALLER, Cause.NORMAL_CLEARING)


async def states(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        async for entry in call.events():
            if entry.call is CallState.ACTIVE:
                assert entry.leg is LegState.CONNECTED
                print(entry.evidence is Evidence.CALLEE_PUBLISHED, entry.grade is Grade.DOCUMENTED)
                break


async def play_mode(phone: Phone) -> None:
    async with phone.dial("+14155550105") as call:
        await call.answered()
        music = call.play("tone:220,9")
        await call.play("tone:440,0.5", mode=PlayMode.MIX).done()
        await call.play("tone:880,0.5", mode=PlayMode.REPLACE).done()
        assert music.ended is PlayoutEnd.REPLACED


async def secret(phone: Phone) -> None:
    key = Secret(os.environ.get("ACME_KEY", "not a real key"))  # noqa: TID251 - a program may
    print(key)  # shows no character of it
    assert key.reveal()


EXAMPLES: Final[Mapping[str, Callable[[Phone], Awaitable[None]]]] = {
    "Phone": phone,
    "Call": call,
    "PlayHandle": play_handle,
    "PlayMode": play_mode,
    "AudioStream": audio_stream,
    "AudioFrame": audio_frame,
    "PushSource": push_source,
    "ThreadsafeCall": threadsafe_call,
    "SpeechDetector": speech_detector,
    "CallPolicy": call_policy,
    "LoadPolicy": phone_load,
    "PhoneLoad": phone_load,
    "CallRecord": call_record,
    "Outcome": outcome,
    "CallState": states,
    "Secret": secret,
}
