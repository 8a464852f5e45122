"""What a call counts, and what its tenant still knows of it when it has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.rooms.test_room import Ear

from offhook.interfaces import AudioFrame, Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.script import Answer, Echo, Say, Script
from offhook_mockserver.callees.voice import load_speech
from offhook_mockserver.server import CallEvent, InProcessMock

if TYPE_CHECKING:
    from offhook.plugin import Plugins
    from offhook_mockserver.callees.speech import Speech

NUMBER = "+14155550105"


def echoing() -> InProcessMock:
    script = Script("echoes", (Answer(), Echo()))
    return InProcessMock(clock=LoopClock(), ids=Ids(1), script_for=lambda number: script)


def talk(frames: int, every_s: float) -> InProcessMock:
    async def main() -> InProcessMock:
        async with echoing() as mock:
            call = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
            caller = call.room.join_pcm(7, Ear())
            caller.publish()
            await asyncio.sleep(0.05)
            for index in range(frames):
                caller.send(AudioFrame(bytes(640), 16_000, index * 320))
                await asyncio.sleep(every_s)
            caller.leave()
            await asyncio.sleep(1)
        return mock

    return run_virtual(main())


def test_an_ended_call_keeps_its_counters_and_reports_what_was_lost() -> None:
    (call,) = talk(frames=25, every_s=0.0).tenant.ended
    counters = call.counters()
    assert counters["frames_heard"] == 25
    assert counters["echo_dropped"] == 15, "ten frames of echo may wait"
    assert call.losses() == {"echo_dropped": 15}
    assert call.events[-1] == "lost: echo_dropped 15"


def test_a_healthy_call_has_no_losses() -> None:
    (call,) = talk(frames=25, every_s=0.02).tenant.ended
    assert call.losses() == {}
    assert call.events[-1] == "caller hung up"
    assert set(call.counters()) == {
        *("packets_stray", "srtp_errors", "packets_early", "packets_unsent", "audio_too_fast"),
        *("malformed", "unheard", "misnumbered", "audio_dropped", "frames_concealed"),
        *("frames_heard", "gap_samples", "frames_too_fast", "frames_unrecorded", "frames_spoken", "echo_dropped"),
        "frames_skipped",
    }


def test_the_counters_of_a_call_before_the_answer_are_zero() -> None:
    async def main() -> dict[str, int]:
        async with echoing() as mock:
            return mock.calls.start(mock.tenant, NUMBER, mock.from_number).counters()

    assert set(run_virtual(main()).values()) == {0}


def test_a_misuse_is_an_event_of_its_call() -> None:
    events: list[CallEvent] = []

    async def main() -> None:
        async with InProcessMock(clock=LoopClock(), ids=Ids(1), on_event=events.append) as mock:
            call = mock.calls.start(mock.tenant, NUMBER, mock.from_number)
            call.room.report_misuse(7, "second observer", "twice")
            call.room.report_misuse(7, "second observer", "again")

    run_virtual(main())
    assert [event.what for event in events if "misuse" in event.what] == ["misuse: second observer: twice"]


@pytest.mark.fault("F55")
def test_speech_that_is_kept_for_other_calls_has_a_limit_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    async def counted(plugins: Plugins, speech: Speech, rate_hz: int) -> bytes:
        loaded.append(speech.spec)
        return await load_speech(plugins, speech, rate_hz)

    async def main(*seconds: int) -> list[str]:
        loaded.clear()
        async with InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock:
            for each in seconds:
                mock.tenant.scripts[NUMBER] = Script("says", (Answer(), Say(f"silence:{each}")))
                mock.calls.start(mock.tenant, NUMBER, mock.from_number).room.join_pcm(7, Ear())
                await asyncio.sleep(1)
                await mock.tenants.end_calls(mock.tenant)
        return list(loaded)

    monkeypatch.setattr("offhook_mockserver.callees.voice.load_speech", counted)
    assert run_virtual(main(1, 2, 1, 2)) == ["silence:1", "silence:2"]
    monkeypatch.setattr("offhook_mockserver.tenants.calls._MOST_SPEECH_BYTES", 70_000)  # two seconds are 64,000
    assert run_virtual(main(1, 1, 2, 2, 1)) == ["silence:1", "silence:2", "silence:1"]
