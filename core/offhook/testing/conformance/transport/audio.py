"""Clauses about audio: the first frame, frames that do not fit, pacing, ten minutes, silence, mute and pause."""

from __future__ import annotations

import asyncio
import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from offhook.interfaces.frame import PTIME_MS, AudioFrame, level_dbfs
from offhook.session.events import MemberPublished, MemberUnpublished
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, FRAMES_A_SECOND, PTIME_S, Voice, talk

if TYPE_CHECKING:
    from offhook.testing.conformance.transport.stage import Pair


#: How late a frame may be on virtual time.
_LATE_S: Final = 0.005
#: Frames that may be missing of a long time, beside one in a thousand.
_MISSING: Final = 2
_PACED_S: Final = 10


class AudioClauses(TransportKit):
    """Clauses 7 to 10 and 13."""

    @clause("transport-7", "the first frame that is sent is the first that is heard, both ways")
    async def test_the_first_frame(self) -> None:
        async with self.stage() as stage:
            leg, ear = await stage.join()
            member = stage.far.member(CHANNEL, 2)
            member.join()
            member.publish()
            await self.until(lambda: ear.count(MemberPublished), "MemberPublished is told")
            voices = Voice(leg.send, leg.rate_hz), Voice(member.say, leg.rate_hz)
            # One loud frame, and silence: who misses the first hears nothing.
            await talk(1, *voices)
            await talk(20, *voices, silent=True)
            await stage.rest()
            for way, heard in (("from us", member.heard), ("to us", [frame for _, frame in ear.audio])):
                level = level_dbfs(b"".join(frame.pcm for frame in heard[:3]))
                assert level >= self.first_dbfs, (
                    f"the first frame {way} was a loud tone, and what was heard first has {level:.0f} dBFS: "
                    "the first frame must not be lost, however soon it comes after the join"
                )

    @clause("transport-8", "frames heard are up to 20 ms at rate_hz, positions grow; others are a ValueError to send()")
    async def test_frames(self) -> None:
        async with self.stage() as stage:
            rate_hz = stage.transport.rate_hz
            assert rate_hz * PTIME_MS % 1000 == 0, f"at {rate_hz} Hz {PTIME_MS} ms are no whole number of samples"
            line = await stage.line()
            await talk(10, line.ours, line.theirs)
            await self.until(lambda: len(line.heard) >= 9, "what a member says is heard")
            for uid, frame in line.ear.audio:
                assert uid == line.member.uid, f"member {line.member.uid} spoke, and uid {uid} was heard"
                assert frame.rate_hz == rate_hz, f"{frame!r} was heard on a leg at {rate_hz} Hz"
                assert frame.duration_ms <= PTIME_MS, f"{frame!r} was heard, and frames have at most {PTIME_MS} ms"
            for before, after in pairwise(line.heard):
                assert after.position > before.position, f"{after!r} was heard after {before!r}: positions must grow"
            await stage.rest()
            line.forget_audio()
            other_hz = 8_000 if rate_hz != 8_000 else 16_000
            for wrong in (_silence(other_hz, PTIME_MS), _silence(rate_hz, 2 * PTIME_MS)):
                refused = False
                try:
                    line.leg.send(wrong)
                except ValueError:
                    refused = True
                assert refused, f"send({wrong!r}) on a leg at {rate_hz} Hz must raise ValueError"
            await stage.rest()
            assert not line.member.heard, "a frame that send() refused was heard by a member"
            await stage.flow(line)

    @clause("transport-9", "frames are heard as they are spoken: each in time, and after 10 s no later than at first")
    async def test_pacing(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            await talk(_PACED_S * FRAMES_A_SECOND, line.ours, line.theirs)
            await stage.rest()
            for way, said_at_s, heard_at_s in _ways(line):
                self._no_drift(way, said_at_s, heard_at_s)
                missing = len(said_at_s) - len(heard_at_s)
                assert abs(missing) <= self.either(0, _MISSING), (
                    f"of {len(said_at_s)} frames {way} {missing} are missing"
                )
                # On real time other programs are at work as well: the drift says enough.
                late_s = max(heard - said for said, heard in zip(said_at_s, heard_at_s, strict=False))
                assert late_s <= self.either(_LATE_S, math.inf), (
                    f"a frame {way} was heard {late_s * 1000:.1f} ms after it was spoken"
                )

    @clause("transport-10", "in ten minutes as much audio comes out as goes in, and its delay does not grow")
    async def test_long_audio(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            frames = round((self.long_audio_s or self.either(600, 10)) / PTIME_S)
            await talk(frames, line.ours, line.theirs)
            await stage.rest()
            said = frames * len(line.theirs.tone) // 2
            heard_by = {"to us": line.heard, "from us": line.member.heard}
            for way, said_at_s, heard_at_s in _ways(line):
                heard = sum(frame.samples for frame in heard_by[way])
                missing = (said - heard) / said * frames
                assert abs(missing) <= max(_MISSING, frames / 1000), (
                    f"of {frames} frames {way} {missing:.1f} are missing after {frames * PTIME_S:g} s"
                )
                self._no_drift(way, said_at_s, heard_at_s)

    def _no_drift(self, way: str, said_at_s: list[float], heard_at_s: list[float]) -> None:
        few = FRAMES_A_SECOND
        assert len(heard_at_s) >= 2 * few, f"{len(said_at_s)} frames {way}, and {len(heard_at_s)} were heard"
        first_s, last_s = (
            statistics.median(heard - said for said, heard in zip(said_at_s[part], heard_at_s[part], strict=True))
            for part in (slice(0, few), slice(-few, None))
        )
        assert last_s - first_s < PTIME_S, (
            f"the delay of audio {way} grew from {first_s * 1000:.1f} ms to {last_s * 1000:.1f} ms: "
            "what is late must be caught up with or left out"
        )

    @clause("transport-13", "silence, mute and a pause are three things: heard; MemberUnpublished; a jump of positions")
    async def test_silence_mute_and_pause(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            await talk(25, line.ours, line.theirs, silent=True)
            await stage.rest()
            for way, heard in (("to us", line.heard), ("from us", line.member.heard)):
                assert len(heard) >= 24, f"of 25 silent frames {way} {len(heard)} were heard: silence is audio as well"
            line.ear.events.clear()
            line.member.unpublish()
            await self.until(lambda: line.ear.events, "a member mutes: MemberUnpublished is told")
            line.forget_audio()
            await talk(10, line.theirs)
            await stage.rest()
            assert line.ear.events == [MemberUnpublished(line.member.uid)], f"told of a mute: {line.ear.events}"
            assert not line.heard, "a member who is muted was heard"
            line.member.publish()
            await self.until(lambda: line.ear.count(MemberPublished), "a member unmutes: MemberPublished is told")
            await self._pause(line)

    async def _pause(self, line: Pair) -> None:
        line.ear.events.clear()
        line.forget_audio()
        await talk(25, line.ours, line.theirs)
        for voice in (line.ours, line.theirs):
            voice.pause(1.0)
        await asyncio.sleep(1.0)
        await talk(25, line.ours, line.theirs)
        await asyncio.sleep(self.rest_s)
        assert not line.ear.events, f"a pause in talking was told as {line.ear.events}: it is no event"
        for way, heard in (("to us", line.heard), ("from us", line.member.heard)):
            jumps_s = [(after.position - before.position) / after.rate_hz for before, after in pairwise(heard)]
            longest_s = max(jumps_s, default=0.0)
            assert abs(longest_s - 1.0) <= PTIME_S + 0.001, (
                f"positions of audio {way} jump by {longest_s:.3f} s over a pause of 1 s: they must jump by its length"
            )


def _silence(rate_hz: int, duration_ms: int) -> AudioFrame:
    return AudioFrame(bytes(2 * (rate_hz * duration_ms // 1000)), rate_hz)


def _ways(line: Pair) -> list[tuple[str, list[float], list[float]]]:
    return [
        ("to us", line.theirs.said_at_s, line.ear.audio_at_s),
        ("from us", line.ours.said_at_s, line.member.heard_at_s),
    ]
