"""What the program does to the sound is in the timeline, and a busy program does not flood it."""

from __future__ import annotations

import asyncio

from tests.core.playing import Level
from tests.core.rig import NUMBER, Rig, rig, run

from offhook import PushSource
from offhook.records import replay


def notes(r: Rig) -> list[tuple[object, object, object]]:
    """The notes: their names, facts and details. They change nothing."""
    found = [
        entry for entry in r.store.journal if entry["event"] in {"PlayoutCleared", "PlayoutCut", "Muted", "Unmuted"}
    ]
    assert not any(entry["changed"] for entry in found)
    return [(entry["event"], entry["facts"], entry["detail"]) for entry in found]


def test_a_clear_is_noted_with_what_had_been_sent() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(0.01)
            call.play(Level(1))
            await asyncio.sleep(0.06)
            assert call.clear() == 60
            await asyncio.sleep(1)
            assert call.clear() == 0
        assert notes(r) == [
            ("PlayoutCleared", {"sent_ms": 60.0, "times": 1}, "60 ms had been sent"),
            ("PlayoutCleared", {"sent_ms": 0.0, "times": 1}, "nothing was playing"),
        ]
        assert [entry.event for entry in call.record.timeline] == r.events()
        assert replay(r.store.journal).differences == 0

    run(main())


def test_a_hang_up_that_cuts_what_is_playing_is_noted_before_it() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(0.01)
            call.play(Level(1))
            await asyncio.sleep(0.06)
            await call.hang_up()
            await call.hang_up()
        assert notes(r) == [("PlayoutCut", {"sent_ms": 60.0, "times": 1}, "60 ms had been sent of what was playing")]
        events = r.events()
        assert events.index("PlayoutCut") + 1 == events.index("HangUpRequested")
        assert replay(r.store.journal).differences == 0

    run(main())


def test_a_hang_up_that_cuts_nothing_is_not() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(PushSource())  # has nothing to say at the moment
            await asyncio.sleep(0.1)
        assert notes(r) == []
        async with r.phone.dial(NUMBER, redial=True) as call:
            await call.answered()
            await asyncio.sleep(0.01)
            call.play(b"\1\0" * 1600, rate_hz=16_000)
            await call.hang_up(after="playout")
        assert notes(r) == []

    run(main())


def test_a_program_that_clears_all_the_time_adds_one_entry_a_second() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(0.01)
            for _ in range(110):
                call.clear()
                await asyncio.sleep(0.02)
        assert notes(r) == [
            ("PlayoutCleared", {"sent_ms": 0.0, "times": 1}, "nothing was playing"),
            ("PlayoutCleared", {"sent_ms": 0.0, "times": 49}, "49 more within 1 s, the last: nothing was playing"),
            ("PlayoutCleared", {"sent_ms": 0.0, "times": 50}, "50 more within 1 s, the last: nothing was playing"),
            # The end of the call does not lose the rest.
            ("PlayoutCleared", {"sent_ms": 0.0, "times": 10}, "10 more within 1 s, the last: nothing was playing"),
        ]

    run(main())


def test_muting_is_noted_when_it_changes_something() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            for verb in (call.unmute, call.mute, call.mute, call.unmute, call.mute):
                verb()
        assert notes(r) == [
            ("Muted", {"times": 1}, ""),
            ("Unmuted", {"times": 1}, ""),
            ("Muted", {"times": 1}, "1 more within 1 s"),
        ]

    run(main())


def test_after_the_end_nothing_is_noted_and_no_timer_is_left() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
        call.clear()
        assert notes(r) == []

    run(main())
