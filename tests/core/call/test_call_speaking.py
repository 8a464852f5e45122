"""Speaking in a whole call: modes, gain, mute, filters, what is recorded of it, and a callee who goes meanwhile."""

from __future__ import annotations

import asyncio
import wave
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.playing import Broken, Level
from tests.core.rig import (
    FRAME,
    NUMBER,
    RATE_HZ,
    AudioKit,
    RampSource,
    frame,
    joined,
    later,
    load,
    now,
    ramp,
    rig,
    run,
    spoken,
)

from offhook import AudioFrame, CallPolicy, Cause, Disposition, EndedBy, PlayMode, PlayoutEnd, PushSource
from offhook.errors import CallStateError, ConfigError, PluginError, SourceClosed, SourceError, SpecError
from offhook.interfaces import AudioFilter
from offhook.plugin.hookspecs import hookimpl
from offhook.testing import ListFilter, ListSink, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.core.rig import Rig

    from offhook.plugin.registry import FilterRegistry, SourceRegistry


class Negative(AudioFilter):
    """Turns the samples' signs round."""

    def apply(self, frame: AudioFrame) -> AudioFrame:
        return AudioFrame(array("h", [-value for value in array("h", frame.pcm)]).tobytes(), frame.rate_hz)


class Failing(AudioFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        raise ValueError("no")


class FilterKit(AudioKit):
    """A plugin with filters, which keeps what it was asked for, and a source that counts its openings."""

    def __init__(self) -> None:
        super().__init__()
        self.filters: list[tuple[str, int]] = []
        self.opened = 0

    @hookimpl
    def offhook_audio_filter(self, registry: FilterRegistry) -> None:
        registry.add("negative", self._negative)

    @hookimpl
    def offhook_audio_source(self, registry: SourceRegistry) -> None:
        registry.add("level", self._level)

    def _negative(self, argument: str, rate_hz: int) -> AudioFilter:
        self.filters.append((argument, rate_hz))
        return Negative()

    def _level(self, argument: str) -> Level:
        self.opened += 1
        return Level(int(argument))


def frames_heard(r: Rig) -> list[int]:
    """The first sample of each frame that the callee heard."""
    return [array("h", item.pcm)[0] for item in r.callee.heard]


async def between_frames() -> None:
    """Go to the middle between two frames, so that what is done now has its effect from the next one on."""
    await asyncio.sleep(0.01)


@pytest.mark.fault("F35")
@pytest.mark.parametrize("held_up_s", [0.04, 0.1, 0.15, 0.19, 0.2])
def test_what_is_caught_up_is_what_the_source_has_and_no_silence(held_up_s: float) -> None:
    """Code that held the loop up kept the source from being read as well; it is read while frames are caught up."""

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            began_s = now()
            handle = call.play(RampSource(5 * RATE_HZ))
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            for _ in range(10):  # at all fillings of the buffer
                await asyncio.sleep(0.23)
                loop.block(held_up_s)
            await handle.done()
            assert now() - began_s == pytest.approx(5.02, abs=0.021)
        assert call.record.counters["frames_skipped"] == 0
        assert (handle.underruns, call.record.counters["playout_underruns"]) == (0, 0)
        assert spoken(r.callee).tobytes() == ramp(1, 5 * RATE_HZ)

    run(main())


def test_modes_are_given_as_words_or_members() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await between_frames()
            queued = call.play(Level(100))
            mixed = call.play(Level(10, 2 * FRAME), mode="mix", gain_db=6.0206)
            await asyncio.sleep(0.06)
            new = call.play(Level(1, FRAME), mode=PlayMode.REPLACE)
            assert (queued.ended, mixed.ended) == (PlayoutEnd.REPLACED, PlayoutEnd.COMPLETED)
            last = call.play([frame(2)], mode="queue")
            await asyncio.sleep(0.06)
            assert (new.ended, last.ended) == (PlayoutEnd.COMPLETED, PlayoutEnd.COMPLETED)
        assert frames_heard(r)[:7] == [0, 120, 120, 100, 1, 2, 0]

    run(main())


def test_what_cannot_be_played_is_refused_before_anything_is_opened_or_ended() -> None:
    async def main() -> None:
        kit = FilterKit()
        r = rig(plugins=load(kit))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            playing = call.play("level:7")
            for wrong in ("loud", "", "MIX", 7, None):
                with pytest.raises(ConfigError, match="mode must be one of queue, replace, mix, got "):
                    call.play("level:1", mode=wrong)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match="gain_db must be between -60 and 20, got 99"):
                call.play("level:1", mode="replace", gain_db=99)
            for _ in range(4):
                call.play("level:1", mode="mix")
            assert kit.opened == 5
            with pytest.raises(CallStateError, match="4 items are mixed in already"):
                call.play("level:1", mode="mix")
            with pytest.raises(SpecError):
                call.play("nothing:1", mode="replace")
            source = Level(1)
            with pytest.raises(CallStateError):
                call.play(source, mode="mix")
            assert not source.taken
            assert (kit.opened, playing.ended) == (5, None)

    run(main())


def test_what_only_looks_like_a_source_is_refused() -> None:
    class Duck:
        live = taken = False

        async def read(self) -> AudioFrame | None:
            return None

        async def aclose(self) -> None: ...

    async def main() -> None:
        r = rig()
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            with pytest.raises(SourceError, match=r"Duck cannot be played: .* AudioSource"):
                call.play(Duck())  # type: ignore[arg-type]
            await call.hang_up()

    run(main())


def test_a_source_that_cannot_be_read_is_refused_when_it_is_played() -> None:
    class Plain(RampSource):
        def read(self) -> AudioFrame | None:  # type: ignore[override]
            return None

    async def main() -> None:
        r = rig()
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            with pytest.raises(
                PluginError, match=r"Plain' failed in play: Plain has plain methods that must be async: read"
            ):
                call.play(Plain(3))
            await call.hang_up()

    run(main())


def test_the_gain_of_a_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        unborn = r.phone.dial(NUMBER)
        assert unborn.gain_db == 0
        with pytest.raises(CallStateError, match=r"^gain_db needs a call that was entered"):
            unborn.gain_db = 1
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await between_frames()
            call.play(Level(1000))
            await asyncio.sleep(0.02)
            call.gain_db = -20
            await asyncio.sleep(0.02)
            for wrong in (20.5, -61, float("nan")):
                with pytest.raises(ConfigError, match=r"gain_db must be (a number )?between -60 and 20, got "):
                    call.gain_db = wrong
            assert call.gain_db == -20
            call.gain_db = 0
            await asyncio.sleep(0.02)
        assert frames_heard(r) == [0, 1000, 100, 1000]

    run(main())


def test_a_muted_caller_keeps_talking_unheard() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        unborn = r.phone.dial(NUMBER)
        for verb in (unborn.mute, unborn.unmute):
            with pytest.raises(CallStateError, match=r"mute\(\) needs a call that was entered"):
                verb()
        assert not unborn.muted
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await between_frames()
            short, long = call.play(Level(1, 2 * FRAME)), call.play(Level(2))
            await asyncio.sleep(0.02)
            call.mute()
            call.mute()
            assert call.muted
            await asyncio.sleep(0.06)
            assert (short.ended, short.position_ms, long.position_ms) == (PlayoutEnd.COMPLETED, 40, 40)
            assert call.level_sent_dbfs == -100
            call.unmute()
            await asyncio.sleep(0.02)
            assert (call.muted, long.position_ms) == (False, 60)
        assert frames_heard(r) == [0, 1, 0, 0, 0, 2]
        assert call.record.counters["frames_muted"] == 3

    run(main())


def test_filters_change_what_is_sent_and_what_is_heard() -> None:
    async def main() -> None:
        kit = FilterKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        r.talk(1.205, 0.2, value=500)
        listener = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await between_frames()
            call.listen(listener)
            call.play(Level(1000, 4 * FRAME))
            call.gain_db = -20
            await asyncio.sleep(0.02)
            sent = call.add_filter("negative:x")
            seen = call.add_filter(ListFilter())
            heard = call.add_filter(Negative(), direction="heard")
            await asyncio.sleep(0.02)
            assert call.remove_filter(sent)
            assert not call.remove_filter(sent)
            assert isinstance(seen, ListFilter)
            assert [array("h", item.pcm)[0] for item in seen.frames] == [-100]
            assert seen.frames[0].position == r.callee.heard[2].position
            await asyncio.sleep(0.26)
            assert call.remove_filter(heard)
            assert call.level_heard_dbfs > -50
        assert kit.filters == [("x", RATE_HZ)]
        assert frames_heard(r)[:6] == [0, 100, -100, 100, 100, 0]
        assert {array("h", item.pcm)[0] for item in listener.frames if item.samples} == {-500}
        assert seen.closed

    run(main())


def test_a_filter_cannot_be_added_twice_or_nowhere() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        unborn = r.phone.dial(NUMBER)
        for verb in (lambda: unborn.add_filter(Negative()), lambda: unborn.remove_filter(Negative())):
            with pytest.raises(CallStateError, match=r"_filter\(\) needs a call that was entered"):
                verb()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            added = call.add_filter(Negative())
            with pytest.raises(CallStateError, match="was added to a call already"):
                call.add_filter(added, direction="heard")
            with pytest.raises(ConfigError, match="direction must be one of sent, heard, got 'both'"):
                call.add_filter(Negative(), direction="both")  # type: ignore[arg-type]
            with pytest.raises(SpecError, match="no audio filter is called 'nothing'"):
                call.add_filter("nothing:1")
        late = ListFilter()
        call.add_filter(late)
        assert late.closed
        assert not call.remove_filter(late)

    run(main())


def test_a_filter_that_fails_costs_itself_and_is_in_the_record() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1.1, 0.2)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            stream = call.audio()
            call.add_filter(Failing())
            call.add_filter(Failing(), direction="heard")
            call.play(Level(7, FRAME))
            await asyncio.sleep(1)
        assert call.record.disposition is Disposition.COMPLETED
        assert call.record.counters["filters_failed"] == 2
        assert "Failing' failed in apply: ValueError: no" in call.record.problem
        assert set(spoken(r.callee)) == {7}
        assert len([item async for item in stream]) == 10

    run(main())


def test_what_is_recorded_is_what_was_sent_and_what_was_given_to_listeners(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(plugins=load(FilterKit()))
        r.answer(1)
        r.talk(1.205, 0.2, value=500)
        path = tmp_path / "both.wav"
        async with r.phone.dial(NUMBER, record=str(path)) as call:
            await call.answered()
            call.add_filter("negative")
            call.add_filter("negative", direction="heard")
            call.play(Level(1000))
            await asyncio.sleep(0.21)
            call.mute()
            await asyncio.sleep(0.3)
        with wave.open(str(path)) as file:
            both = array("h", file.readframes(file.getnframes()))
        left, right = both[0::2], both[1::2]
        sent = array("h", joined(r.callee.heard))
        assert set(sent) == {0, -1000}
        start = r.callee.heard[0].position
        assert left[start : start + len(sent)] == sent
        assert set(right) == {0, -500}

    run(main())


def test_the_last_word_is_not_cut_however_it_ends() -> None:
    """The last partial frame, what is mixed in for longer, and a caller who is muted."""

    async def main() -> None:
        for muted in (False, True):
            r = rig()
            r.answer()
            async with r.phone.dial(NUMBER) as call:
                await call.answered()
                await between_frames()
                began = now()
                handles = [call.play(RampSource(FRAME + 1)), call.play(RampSource(3 * FRAME + 7), mode="mix")]
                if muted:
                    call.mute()
                await call.hang_up(after="playout")
                assert [handle.ended for handle in handles] == [PlayoutEnd.COMPLETED] * 2
                assert now() - began == pytest.approx(0.01 + 4 * 0.02 + 0.2)
            one, other = array("h", ramp(1, FRAME + 1)), array("h", ramp(1, 3 * FRAME + 7))
            total = array("h", [a + (one[i] if i < len(one) else 0) for i, a in enumerate(other)])
            assert spoken(r.callee) == (array("h") if muted else total)

    run(main())


@pytest.mark.fault("F34")
def test_a_callee_who_hangs_up_while_we_speak_ends_all_of_it_quietly() -> None:
    async def speech() -> AsyncIterator[AudioFrame]:
        while True:
            yield frame(1)

    async def main() -> None:
        r = rig()
        r.answer(1)
        later(2.005, r.callee.leave)
        sources = [Level(1), Level(2), PushSource()]
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handles = [call.play(sources[0]), call.play(speech()), call.play(sources[1], mode="mix")]
            pushed = call.play(sources[2], mode="mix")
            writer = asyncio.create_task(_push(sources[2]))
            seen = ListFilter()
            call.add_filter(seen)
            leaving = asyncio.create_task(call.hang_up(after="playout"))
            await call.ended()
            assert [await handle.done() for handle in (*handles, pushed)] == [PlayoutEnd.CALL_ENDED] * 4
            with pytest.raises(SourceClosed, match="the call has ended"):
                await writer
            await leaving
            await call.hang_up()
            await call.hang_up(after="playout")
            assert call.play(Level(3), mode="replace").ended is PlayoutEnd.CALL_ENDED
        outcome = call.record.outcome
        assert outcome is not None
        assert (outcome.disposition, outcome.ended_by, outcome.cause) == (
            Disposition.COMPLETED,
            EndedBy.CALLEE,
            Cause.NORMAL_CLEARING,
        )
        assert call.record.problem == ""
        assert all(source.closed for source in sources[:2])  # type: ignore[attr-defined]
        assert seen.closed

    run(main())


async def _push(source: object) -> None:
    assert isinstance(source, PushSource)
    while True:
        await source.write(frame(1))


@pytest.mark.fault("F26")
def test_whatever_a_source_does_is_in_the_counters_of_the_record() -> None:
    async def stalling() -> AsyncIterator[AudioFrame]:
        yield frame(1)
        await asyncio.sleep(0.1)
        yield frame(1)

    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await between_frames()
            call.play(stalling())
            call.play(RampSource(RATE_HZ))
            call.play(frame(1, samples=160, rate_hz=8_000), mode="mix")
            handle = call.play(Broken(OSError("gone")))
            assert await handle.done() is PlayoutEnd.FAILED
            await asyncio.sleep(0.5)
        names = "playout_stalls sources_ended sources_failed sources_held_back sources_resampled filters_failed".split()
        assert {name: call.record.counters[name] for name in names} == {
            "playout_stalls": 1,
            "sources_ended": 3,
            "sources_failed": 1,
            "sources_held_back": 1,
            "sources_resampled": 1,
            "filters_failed": 0,
        }
        assert call.record.counters["playout_underruns"] >= 1
        assert call.record.counters["frames_muted"] == 0

    run(main())


def test_ten_minutes_are_paced_without_drift_and_come_out_as_they_went_in() -> None:
    whole = array("h", range(1, 30_001)).tobytes() * (600 * RATE_HZ // 30_000)

    async def main() -> None:
        r = rig(policy=CallPolicy(max_duration_s=3600))
        r.answer()
        arrivals: list[float] = []
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            send = r.transport.leg.send if r.transport.leg else None
            assert send is not None

            def timed(item: AudioFrame) -> None:
                arrivals.append(now())
                send(item)

            r.transport.leg.send = timed  # type: ignore[method-assign,union-attr]
            began = now()
            handle = call.play(AudioFrame(whole[at : at + 882], RATE_HZ) for at in range(0, len(whole), 882))
            assert await handle.done() is PlayoutEnd.COMPLETED
            assert abs(now() - began - 600) < 0.04, "no more than the frame before it and its own last one"
        assert handle.position_ms == 600_000
        said = joined(r.callee.heard)
        start = said.index(whole[: 2 * FRAME])
        assert said[start : start + len(whole)] == whole, "samples in, equal samples out"
        assert not any(said[start + len(whole) :])
        assert all(abs(at - arrivals[0] - index * 0.02) < 0.005 for index, at in enumerate(arrivals))
        positions = [item.position for item in r.callee.heard]
        assert positions == [positions[0] + index * FRAME for index in range(len(positions))]
        assert call.record.counters["playout_underruns"] == call.record.counters["frames_skipped"] == 0

    run(main())
