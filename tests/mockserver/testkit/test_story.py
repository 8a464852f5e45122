"""The story of the issue, with the same body in real and in virtual time, and as a coroutine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook import Phone, SpeechDetector, SpeechStarted
from offhook_mockserver.testkit import CalleeEnd

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"
GREETING, INTERRUPT = CLIPS / "greeting.wav", CLIPS / "hello.wav"


async def polite_bot(number: str) -> str:
    """Greets, stops when it is spoken over, and ends with the callee."""
    async with Phone.from_env() as phone, phone.dial(number) as call:
        if await call.answered():
            call.play(GREETING)
            ears = call.audio()
            detector = SpeechDetector(ears.rate_hz)
            async for frame in ears:
                if isinstance(detector.feed(frame), SpeechStarted):
                    call.clear()
        await call.ended()
    return str(call.record.disposition)


def stops_when_spoken_over(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee("+14155550123").answers(after_s=0.2).listens(until="speech").waits(0.5)
    callee.says(INTERRUPT).hangs_up(after_s=0.5)
    offhook_mock.start(polite_bot(callee.number))
    callee.finished(timeout_s=20)
    assert callee.heard.starts_with(GREETING, within_ms=400)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=500)
    assert callee.end is CalleeEnd.HUNG_UP
    assert len(callee.calls) == 1


@pytest.mark.slow
def test_in_real_time(offhook_mock: MockHandle) -> None:
    stops_when_spoken_over(offhook_mock)
    assert not offhook_mock.virtual


@pytest.mark.offhook_virtual
def test_in_virtual_time(offhook_mock: MockHandle) -> None:
    stops_when_spoken_over(offhook_mock)
    assert offhook_mock.virtual


@pytest.mark.offhook_virtual
async def test_as_a_coroutine_in_virtual_time(offhook_mock: MockHandle) -> None:
    callee = offhook_mock.callee().answers(after_s=1).listens().waits(0.5).says(INTERRUPT).hangs_up(after_s=0.5)
    app = offhook_mock.start(polite_bot(callee.number))
    await callee.afinished(20)
    assert callee.heard.silence_after(callee.spoke_at_s, within_ms=500)
    assert await app.aresult(5) == "completed"
    await callee.aended(5)
