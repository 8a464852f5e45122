"""Clauses about audio: the first frame, frames that do not fit, pacing, ten minutes, silence, mute and pause."""

from __future__ import annotations

import asyncio
import math
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from offhook.interfaces.frame import FRAMES_PER_S, PTIME_MS, AudioFrame, level_dbfs
from offhook.session.events import MemberPublished, MemberUnpublished
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.tones import is_mostly
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import (
    CHANNEL,
    OTHER_TONE_HZ,
    PTIME_S,
    THIRD_UID,
    TONE_HZ,
    Sound,
    Voice,
    talk,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.testing.conformance.transport.stage import Pair, Stage, Way


#: How late a frame may be on virtual time.
_LATE_S: Final = 0.005
#: Frames that may be missing from a long run, or one in a thousand if that is more.
_MISSING: Final = 2
_PACED_S: Final = 10
#: The number of attempts in real time: at a pause, and at what takes many seconds.
_TRIES: Final = 8
_LONG_TRIES: Final = 3
#: How much the jump of a pause may be off.
_OFF_S: Final = PTIME_S + 0.001


class AudioClauses(TransportKit):
    """Clauses 7 to 10 and 13."""

    @clause("transport-7", "the first frame sent is the first frame heard, in both directions")
    async def test_the_first_frame(self) -> None:
        async with self.stage() as stage:
            leg, ear = await stage.join()
            member = stage.far.member(CHANNEL, 2)
            member.join()
            member.publish()
            await self.until(lambda: ear.count(MemberPublished), "MemberPublished is received")
            voices = Voice(leg.send, leg.rate_hz), Voice(member.say, leg.rate_hz)
            # One loud frame, then silence: a side that misses the first frame hears nothing.
            await talk(1, *voices)
            await talk(20, *voices, sound=Sound.SILENCE)
            await stage.rest()
            for way, heard in (("from us", member.heard), ("to us", [frame for _, frame in ear.audio])):
                level = level_dbfs(b"".join(frame.pcm for frame in heard[:3]))
                assert level >= self.first_dbfs, (
                    f"the first frame {way} was a loud tone, but the first audio heard has {level:.0f} dBFS: "
                    "the first frame must not be lost, however soon it follows the join"
                )

    @clause(
        "transport-8",
        "frames heard have the uid of their talker, rate_hz, at most 20 ms and positions that count samples; send() "
        "accepts shorter frames, and raises ValueError for longer ones and for other rates",
    )
    async def test_frames(self) -> None:
        async with self.stage() as stage:
            rate_hz = stage.transport.rate_hz
            assert rate_hz * PTIME_MS % 1000 == 0, f"{PTIME_MS} ms at {rate_hz} Hz are not a whole number of samples"
            pair = await stage.pair()
            await self._in_tries(pair, _TRIES, lambda: self._counted(pair, rate_hz))
            await stage.rest()
            pair.forget_audio()
            other_hz = 8_000 if rate_hz != 8_000 else 16_000
            for wrong in (_silence(other_hz, PTIME_MS), _silence(rate_hz, 2 * PTIME_MS)):
                refused = False
                try:
                    pair.leg.send(wrong)
                except ValueError:
                    refused = True
                assert refused, f"send({wrong!r}) on a leg at {rate_hz} Hz must raise ValueError"
            await stage.rest()
            assert not pair.member.heard, "a member heard a frame that send() rejected"
            pair.leg.send(AudioFrame(pair.ours.tone[: len(pair.ours.tone) // 4 * 2], rate_hz, pair.ours.position))
            pair.ours.pause(PTIME_S)
            await stage.flow(pair)
            await self._two_talkers(stage, pair)

    async def _counted(self, pair: Pair, rate_hz: int) -> None:
        """Check the frames that are heard of a member who speaks without a pause."""
        await talk(10, pair.ours, pair.theirs)
        await self.until(lambda: len(pair.heard) >= 9, "a member who speaks is heard")
        for uid, frame in pair.ear.audio:
            assert uid == pair.member.uid, f"member {pair.member.uid} spoke, but uid {uid} was heard"
            assert frame.rate_hz == rate_hz, f"{frame!r} was heard on a leg at {rate_hz} Hz"
            assert frame.duration_ms <= PTIME_MS, f"{frame!r} was heard; a frame has at most {PTIME_MS} ms"
        for before, after in pairwise(pair.heard):
            assert after.position >= before.position + before.samples, (
                f"{after!r} was heard after {before!r}: each frame begins where the one before ended, or later"
            )
        gaps_ms = _gaps_ms(pair.heard)
        assert gaps_ms <= _MISSING * PTIME_MS, (
            f"positions of audio that was spoken without a pause jump by {gaps_ms:g} ms in all: they count samples"
        )

    async def _two_talkers(self, stage: Stage, pair: Pair) -> None:
        """Check whose audio is heard while two members talk at once."""
        third = stage.far.member(CHANNEL, THIRD_UID)
        pair.ear.events.clear()
        third.join()
        third.publish()
        await stage.received(pair.ear, MemberPublished)
        voice = Voice(third.say, pair.leg.rate_hz)
        for _ in range(FRAMES_PER_S // 2):
            pair.theirs.speak()
            voice.speak(Sound.OTHER_TONE)
            await asyncio.sleep(PTIME_S)
        await stage.rest()
        for talker, tone_hz in ((pair.member, TONE_HZ), (third, OTHER_TONE_HZ)):
            heard_as = {uid for uid, frame in pair.ear.audio if is_mostly(frame.pcm, tone_hz, frame.rate_hz)}
            assert heard_as == {talker.uid}, (
                f"two members talked at once, and member {talker.uid} was heard as "
                f"{' and '.join(f'uid {uid}' for uid in sorted(heard_as)) or 'no uid'}"
            )

    @clause(
        "transport-9",
        "frames are heard at the pace of speaking: each in time, and after 10 s with no more delay than at first",
    )
    async def test_pacing(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            await self._in_tries(pair, _LONG_TRIES, lambda: self._paced(stage, pair))

    async def _paced(self, stage: Stage, pair: Pair) -> None:
        await talk(_PACED_S * FRAMES_PER_S, pair.ours, pair.theirs)
        await stage.rest()
        await self._all_heard(pair, self.either(0, _MISSING))
        for way in pair.ways:
            self._no_drift(way)
            # In real time other programs run as well; there the check for drift is enough.
            late_s = max(heard - said for said, heard in zip(way.said_at_s, way.heard_at_s, strict=False))
            assert late_s <= self.either(_LATE_S, math.inf), (
                f"a frame {way.name} was heard {late_s * 1000:.1f} ms after it was spoken"
            )

    async def _in_tries(self, pair: Pair, tries: int, attempt: Callable[[], Awaitable[None]]) -> None:
        """Attempt it once in virtual time; in real time other programs run as well, and one of `tries` must succeed."""
        left = round(self.either(1, tries))
        while True:
            left -= 1
            pair.ear.events.clear()
            pair.forget_audio()
            try:
                await attempt()
            except AssertionError:
                if not left:
                    raise
            else:
                return

    async def _all_heard(self, pair: Pair, tolerance: float) -> None:
        """Check that as much audio was heard as was spoken; what arrives later is late and not missing."""
        missing = [_missing(way) for way in pair.ways]
        if max(missing) > tolerance:
            await asyncio.sleep(self.patience_s)
        for way, before in zip(pair.ways, missing, strict=True):
            said, late = len(way.said_at_s), before - _missing(way)
            if before > tolerance and late > before / 2:
                last_s = way.heard_at_s[-1] - way.said_at_s[-1]
                raise AssertionError(
                    f"of {said} frames {way.name} {late:.0f} are late: the last one was heard {last_s * 1000:.0f} ms "
                    "after it was spoken"
                )
            assert before <= tolerance, (
                f"of {said} frames {way.name} {before:.1f} are missing after {said * PTIME_S:g} s"
            )
            assert -before <= tolerance, f"{said} frames were spoken {way.name}, and {-before:.1f} more were heard"

    @clause("transport-10", "over ten minutes as much audio arrives as is sent, and its delay does not grow")
    async def test_long_audio(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            await self._in_tries(pair, _LONG_TRIES, lambda: self._long(stage, pair))

    async def _long(self, stage: Stage, pair: Pair) -> None:
        frames = round((self.long_audio_s or self.either(600, 10)) / PTIME_S)
        await talk(frames, pair.ours, pair.theirs)
        await stage.rest()
        await self._all_heard(pair, max(_MISSING, frames / 1000))
        for way in pair.ways:
            self._no_drift(way)

    def _no_drift(self, way: Way) -> None:
        few = FRAMES_PER_S
        said, heard = len(way.said_at_s), len(way.heard_at_s)
        assert heard >= 2 * few, f"of {said} frames {way.name} only {heard} were heard"
        first_s, last_s = (
            statistics.median(
                heard - said for said, heard in zip(way.said_at_s[part], way.heard_at_s[part], strict=True)
            )
            for part in (slice(0, few), slice(-few, None))
        )
        assert last_s - first_s < PTIME_S, (
            f"the delay of audio {way.name} grew from {first_s * 1000:.1f} ms to {last_s * 1000:.1f} ms: "
            "late audio must be caught up with or dropped"
        )

    @clause(
        "transport-13", "silence is heard as audio, a mute is MemberUnpublished, and a pause is a jump in positions"
    )
    async def test_silence_mute_and_pause(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            await talk(25, pair.ours, pair.theirs, sound=Sound.SILENCE)
            await stage.rest()
            for way, heard in (("to us", pair.heard), ("from us", pair.member.heard)):
                assert len(heard) >= 24, f"of 25 silent frames {way} {len(heard)} were heard: silence is audio too"
            pair.ear.events.clear()
            pair.member.unpublish()
            await self.until(lambda: pair.ear.events, "MemberUnpublished is received when a member mutes")
            pair.forget_audio()
            await talk(10, pair.theirs)
            await stage.rest()
            assert pair.ear.events == [MemberUnpublished(pair.member.uid)], f"a mute was reported as {pair.ear.events}"
            assert not pair.heard, "a muted member was heard"
            pair.member.publish()
            await self.until(
                lambda: pair.ear.count(MemberPublished), "MemberPublished is received when a member unmutes"
            )
            await self._in_tries(pair, _TRIES, lambda: self._jump_of_a_pause(pair))

    async def _jump_of_a_pause(self, pair: Pair) -> None:
        await talk(25, pair.ours, pair.theirs)
        for voice in (pair.ours, pair.theirs):
            voice.pause(1.0)
        await asyncio.sleep(1.0)
        await talk(25, pair.ours, pair.theirs)
        await asyncio.sleep(self.rest_s)
        assert not pair.ear.events, f"a pause in talking was reported as {pair.ear.events}: it is not an event"
        for way in pair.ways:
            # In real time the pause may have lasted longer; a transport may count the time itself.
            paused_s = max(after - before for before, after in pairwise(way.said_at_s)) - PTIME_S
            longest_s = max((_gap_s(before, after) for before, after in pairwise(way.heard)), default=0.0)
            assert 1.0 - _OFF_S < longest_s < max(1.0, paused_s) + _OFF_S, (
                f"positions of audio {way.name} jump by {longest_s:.3f} s over a pause of 1 s: they must jump by 1 s"
            )


def _silence(rate_hz: int, duration_ms: int) -> AudioFrame:
    return AudioFrame(bytes(2 * (rate_hz * duration_ms // 1000)), rate_hz)


def _gaps_ms(heard: list[AudioFrame]) -> float:
    """By how much the positions of frames jump, beside the frames themselves."""
    return sum(_gap_s(before, after) for before, after in pairwise(heard)) * 1000


def _gap_s(before: AudioFrame, after: AudioFrame) -> float:
    """What is missing between a frame and the next one."""
    return (after.position - before.position - before.samples) / before.rate_hz


def _missing(way: Way) -> float:
    """How much less was heard than was spoken, in frames of 20 ms."""
    return len(way.said_at_s) - sum(frame.duration_ms for frame in way.heard) / PTIME_MS
