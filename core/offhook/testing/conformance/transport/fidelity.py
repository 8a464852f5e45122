"""Clauses about the delay of audio, its last frame, its pitch and level, and about blocked and cancelled calls."""

from __future__ import annotations

import asyncio
import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING, Final

from offhook.interfaces.far_end import TokenFault
from offhook.interfaces.frame import FRAMES_PER_S, level_dbfs
from offhook.session.events import MemberPublished, MemberUnpublished
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.tones import amplitude_of
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import (
    AMPLITUDE,
    CHANNEL,
    OUR_UID,
    TONE_HZ,
    Sound,
    Stage,
    Voice,
    talk,
)
from offhook.testing.conformance.turns import does_not_block

if TYPE_CHECKING:
    from offhook.session.events import LegEvent
    from offhook.testing.conformance.transport.stage import Pair

#: The number of attempts at being in time, since the machine may be busy: one must succeed.
_TRIES: Final = 8
#: A tone may change by this much on its way, in dB, and this much of what is heard must be the tone.
_MOST_DB: Final = 3.0
_LEAST_TONE: Final = 0.9


class FidelityClauses(TransportKit):
    """Clauses 28 to 30, 32 and 33."""

    @clause("transport-28", "audio and events arrive within most_delay_s, in both directions")
    async def test_delay(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            await self.in_time(stage, pair)
            least_s: dict[type[LegEvent], float] = {MemberUnpublished: math.inf, MemberPublished: math.inf}
            for _ in range(_TRIES):
                for kind in least_s:
                    pair.ear.events.clear()
                    at_s = asyncio.get_running_loop().time()
                    (pair.member.publish if kind is MemberPublished else pair.member.unpublish)()
                    await stage.received(pair.ear, kind)
                    least_s[kind] = min(least_s[kind], asyncio.get_running_loop().time() - at_s)
                if max(least_s.values()) <= self.most_delay_s:
                    return
            kind, late_s = max(least_s.items(), key=lambda item: item[1])
            raise AssertionError(
                f"events are late: {kind.__name__} is received after {late_s * 1000:.0f} ms; at most "
                f"{self.most_delay_s * 1000:.0f} ms are allowed (most_delay_s)"
            )

    async def in_time(self, stage: Stage, pair: Pair, when: str = "") -> None:
        """Check the delay of audio in both directions, by the time from the onset of a tone to its arrival.

        Raises:
            AssertionError: it was too long at every attempt.
        """
        least_s: dict[str, float] = {}
        for _ in range(_TRIES):
            pair.forget_audio()
            await talk(10, pair.ours, pair.theirs, sound=Sound.SILENCE)
            began_s = asyncio.get_running_loop().time()
            await talk(15, pair.ours, pair.theirs)
            await self._loud(pair, f"a tone is heard{when}")
            for way in pair.ways:
                delay_s = (way.loud_at_s() or math.inf) - began_s
                least_s[way.name] = min(delay_s, least_s.get(way.name, math.inf))
            await stage.quiet(pair)
            if max(least_s.values()) <= self.most_delay_s:
                return
        slowest, delay_s = max(least_s.items(), key=lambda item: item[1])
        raise AssertionError(
            f"audio {slowest} is late{when}: it is heard {delay_s * 1000:.0f} ms after it was sent; at most "
            f"{self.most_delay_s * 1000:.0f} ms are allowed (most_delay_s)"
        )

    async def _loud(self, pair: Pair, what: str) -> None:
        """Wait until a loud frame was heard in both directions."""
        for index, name in enumerate(way.name for way in pair.ways):
            await self.until(partial(_is_loud, pair, index), f"{what} ({name})")

    @clause("transport-29", "the last frame before a pause, and before leave(), is heard as soon as any other")
    async def test_the_last_frame(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            # Different numbers of frames, so that audio which waits until it is a certain number is noticed.
            for frames in (11, 12, 13):
                tries = 1
                while not await self._last_in_time(stage, pair, frames, final=tries == _TRIES):
                    tries += 1
            await self._leave_after(stage, pair)

    async def _last_in_time(self, stage: Stage, pair: Pair, frames: int, *, final: bool) -> bool:
        """Whether the last of some frames is heard in time, in both directions.

        Raises:
            AssertionError: it is not heard at all, or is not in time at the final attempt.
        """
        pair.forget_audio()
        await talk(frames - 1, pair.ours, pair.theirs, sound=Sound.SILENCE)
        said_s = asyncio.get_running_loop().time()
        await talk(1, pair.ours, pair.theirs)
        with contextlib.suppress(AssertionError):
            await self._loud(pair, "the last frame is heard")
        late = False
        for way in pair.ways:
            loud_s = way.loud_at_s()
            assert loud_s is not None, (
                f"the last frame {way.name} before a pause was not heard: audio must not wait for more audio"
            )
            late |= loud_s - said_s > self.most_delay_s
            assert not (late and final), (
                f"the last frame {way.name} before a pause is late: it is heard after {(loud_s - said_s) * 1000:.0f} "
                f"ms; at most {self.most_delay_s * 1000:.0f} ms are allowed (most_delay_s)"
            )
        await stage.quiet(pair)
        return not late

    async def _leave_after(self, stage: Stage, pair: Pair) -> None:
        pair.forget_audio()
        await talk(FRAMES_PER_S // 2, pair.ours, sound=Sound.SILENCE)
        await talk(1, pair.ours)
        await pair.leg.leave()
        await stage.rest()
        level = max((level_dbfs(frame.pcm) for frame in pair.member.heard), default=-math.inf)
        assert level >= self.first_dbfs, (
            f"the last frame before leave() was a loud tone, but the loudest audio heard has {level:.0f} dBFS: "
            "leave() must not drop what send() has accepted"
        )

    @clause("transport-30", "a tone keeps its pitch, and its level to 3 dB, in both directions")
    async def test_a_tone_stays(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            await talk(FRAMES_PER_S, pair.ours, pair.theirs)
            await stage.rest()
            for way in pair.ways:
                pcm = b"".join(frame.pcm for frame in way.heard)
                assert pcm, f"nothing was heard {way.name}"
                rate_hz = stage.transport.rate_hz
                amplitude = amplitude_of(pcm, TONE_HZ, rate_hz)
                change_db = 20 * math.log10(max(amplitude, 1e-3) / AMPLITUDE)
                heard = 32768 * 10 ** (level_dbfs(pcm[len(pcm) // 8 * 2 : -len(pcm) // 8 * 2]) / 20)
                assert amplitude / math.sqrt(2) >= _LEAST_TONE * heard or amplitude < 1, (
                    f"a tone of {TONE_HZ} Hz was sent {way.name}, and what was heard is only partly that tone"
                )
                assert abs(change_db) <= _MOST_DB, (
                    f"a tone of {TONE_HZ} Hz {way.name} changed its level by {change_db:+.1f} dB; at most "
                    f"{_MOST_DB:g} dB are allowed"
                )

    @clause("transport-32", "check(), join(), send(), renew(), counters() and leave() do not block the event loop")
    async def test_the_loop_stays_free(self) -> None:
        async with self.stage() as stage:
            await does_not_block(lambda: stage.transport.check(stage.far.endpoint), "check()")

            async def use(*steps: str) -> None:
                leg, _ = await stage.join()
                voice = Voice(leg.send, leg.rate_hz)
                if "send()" in steps:
                    for _ in range(3):
                        voice.speak()
                        leg.counters()
                if "renew()" in steps:
                    await leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID))
                await leg.leave()
                await self.until(lambda: not stage.far.uids(CHANNEL), "the channel sees no member after leave()")

            await does_not_block(use, "join() or leave()")
            await does_not_block(lambda: use("send()"), "send() or counters()")
            if self.claims("renewal"):
                await does_not_block(lambda: use("renew()"), "renew()")

    @clause("transport-33", "a cancelled check() or renew() raises CancelledError at once, and the next one works")
    async def test_calls_can_be_cancelled(self) -> None:
        async with self.stage() as stage:
            await cancel_everywhere(self, lambda: stage.transport.check(stage.far.endpoint), "check()")
            await stage.transport.check(stage.far.endpoint)
            if not self.claims("renewal"):
                return
            leg, _ = await stage.join()
            await cancel_everywhere(self, lambda: leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID)), "renew()")
            forged = leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID, fault=TokenFault.FORGED))
            await self.raises(Exception, forged, "renew() accepted a forged token after renewals were cancelled")
            await leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID))


def _is_loud(pair: Pair, way: int) -> bool:
    return pair.ways[way].loud_at_s() is not None
