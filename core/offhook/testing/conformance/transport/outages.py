"""Clauses about failures: outages that end, outages that do not, a blocked loop, tokens that expire."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from offhook.errors import TokenRejected
from offhook.interfaces.far_end import TokenFault
from offhook.interfaces.frame import FRAMES_PER_S
from offhook.session.events import (
    GrantExpiring,
    LegClosed,
    LegDisconnected,
    LegFailed,
    LegReconnected,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.tones import is_mostly
from offhook.testing.conformance.transport.fidelity import FidelityClauses
from offhook.testing.conformance.transport.stage import (
    CHANNEL,
    OTHER_CHANNEL,
    OTHER_TONE_HZ,
    OUR_UID,
    PTIME_S,
    Sound,
    talk,
)

if TYPE_CHECKING:
    from offhook.interfaces import Leg
    from offhook.interfaces.frame import AudioFrame
    from offhook.session.events import LegEvent
    from offhook.testing.conformance.transport.stage import Pair, Stage


_BLOCKED_S: Final = 0.3
#: Tolerance for a token clock that counts whole seconds, and for a timer.
_TOKEN_S: Final = 2.5


class OutageClauses(FidelityClauses):
    """Clauses 11, 12, 16 to 18, and 31."""

    @clause(
        "transport-11",
        "audio sent during an outage is dropped and counted: at most late_audio_s of it is heard later, and audio "
        "after the outage is in time",
        capability="outage",
    )
    async def test_nothing_is_queued(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            before = _lost(pair.leg)
            stage.far.cut()
            frames = round(self.outage_s / PTIME_S)
            await talk(frames, pair.ours, pair.theirs, sound=Sound.OTHER_TONE)
            pair.forget_audio()
            stage.far.mend()
            await self._back(stage, pair)
            await talk(FRAMES_PER_S, pair.ours, pair.theirs)
            await asyncio.sleep(1.0)
            for way in pair.ways:
                late_s = sum(frame.duration_ms for frame in way.heard if _is_late(frame)) / 1000
                assert late_s <= self.late_audio_s, (
                    f"{late_s:.2f} s of the audio of an outage of {self.outage_s:g} s were heard after it "
                    f"({way.name}); at most {self.late_audio_s:g} s are allowed (late_audio_s): drop late audio"
                )
            await self.in_time(stage, pair, " after an outage")
            await self.until(
                lambda: _lost(pair.leg) - before >= 0.8 * frames,
                f"counters with lost or dropped in their names grow by the {frames} frames of an outage in at least "
                f"one direction (they grew by {_lost(pair.leg) - before}): count the frames passed to send() while "
                "the network was gone, even before the leg noticed; or count the frames not heard, from the jump of "
                "positions",
            )

    @clause(
        "transport-12",
        "after the event loop was blocked for 300 ms, no event and no later frame is missing and the leg is up",
    )
    async def test_a_blocked_loop(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            pair.ear.events.clear()
            stage.far.member(CHANNEL, 3).join()
            for voice in (pair.ours, pair.theirs):
                voice.pause(_BLOCKED_S)
            self.block_loop(_BLOCKED_S)
            await talk(10, pair.ours, pair.theirs)
            await self.until(lambda: len(pair.heard) >= 10, "we hear what is said after the loop was blocked")
            await self.until(
                lambda: len(pair.member.heard) >= 10, "the member hears what we say after the loop was blocked"
            )
            await stage.rest()
            events = pair.ear.events
            assert events == [MemberJoined(3)], f"member 3 joined while the loop was blocked, but received: {events}"

    @clause(
        "transport-16",
        "an outage that ends: LegDisconnected and LegReconnected once each, then audio under the same uid, whose "
        "positions jump by the gap",
        capability="outage",
    )
    async def test_coming_back(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair()
            pair.ear.events.clear()
            await talk(10, pair.ours, pair.theirs)
            counters = pair.leg.counters()
            loop = asyncio.get_running_loop()
            cut_at_s = loop.time()
            stage.far.cut()
            # If the transport takes longer to notice the outage, the outage lasts longer.
            await stage.received(pair.ear, LegDisconnected, self.outage_s + self.patience_s)
            await asyncio.sleep(max(0.0, cut_at_s + self.outage_s - loop.time()))
            gap_s = loop.time() - cut_at_s
            for voice in (pair.ours, pair.theirs):
                voice.pause(gap_s)
            stage.far.mend()
            await stage.received(pair.ear, LegReconnected, self.give_up_s)
            for name, value in pair.leg.counters().items():
                before = counters.get(name, 0)
                assert value >= before, f"the counter {name} fell from {before} to {value} in an outage"
            await self.until(lambda: OUR_UID in stage.far.uids(CHANNEL), f"the channel sees us as uid {OUR_UID} again")
            await talk(FRAMES_PER_S, pair.ours, pair.theirs)
            await stage.rest()
            events = [event for event in pair.ear.events if isinstance(event, LegDisconnected | LegReconnected)]
            assert events == [LegDisconnected(), LegReconnected()], f"an outage was reported as {events}"
            uids = [uid for uid in stage.far.uids(CHANNEL) if uid != pair.member.uid]
            assert uids == [OUR_UID], f"uid {OUR_UID} came back after an outage, but the channel sees {uids}"
            for way, heard in (("to us", pair.heard), ("from us", pair.member.heard)):
                jumps_s = [(after.position - before.position) / after.rate_hz for before, after in pairwise(heard)]
                jump_s = max(jumps_s, default=0.0)
                assert abs(jump_s - gap_s) <= 0.5, (
                    f"positions of audio {way} jump by {jump_s:.2f} s over an outage of {gap_s:.2f} s: "
                    "time passes while nothing is heard"
                )

    @clause(
        "transport-17",
        "an outage that does not end: LegFailed once, with a reason, and nothing after it",
        capability="giving up",
    )
    async def test_giving_up(self) -> None:
        async with self.stage() as stage:
            grant = stage.far.grant(CHANNEL, uid=OUR_UID)
            pair = await stage.pair(grant=grant)
            stage.far.cut()
            await stage.received(pair.ear, LegFailed, self.give_up_s)
            events = pair.ear.events
            number, reason = next(
                (number, event.reason) for number, event in enumerate(events, 1) if isinstance(event, LegFailed)
            )
            assert reason, "LegFailed must have a reason that says what happened"
            assert grant.token.reveal() not in reason, "the reason of LegFailed contains the token: it is written down"
            stage.far.mend()
            await talk(10, pair.theirs)
            await asyncio.sleep(self.either(self.give_up_s, 2.0))
            later = events[number:]
            assert not later, f"received after LegFailed: {later}; nothing may follow it"

    @clause(
        "transport-18",
        "GrantExpiring comes before a token expires; renew() loses no frame and raises TokenRejected for a bad token; "
        "a leg whose token expires is closed",
        capability="renewal",
    )
    async def test_tokens_end(self) -> None:
        life_s = self.token_life_s or self.either(60, 4)
        async with self.stage() as stage:
            loop = asyncio.get_running_loop()
            ends_s = loop.time() + life_s
            pair = await stage.pair(grant=stage.far.grant(CHANNEL, uid=OUR_UID, life_s=life_s))
            _, forgetful = await stage.join(
                grant=stage.far.grant(OTHER_CHANNEL, uid=OUR_UID, life_s=life_s), channel=OTHER_CHANNEL
            )
            await stage.received(pair.ear, GrantExpiring, life_s)
            assert loop.time() < ends_s, "GrantExpiring came after the token had expired: it must come before"
            pair.ear.events.clear()
            await self._renewed(stage, pair, 20 * life_s)
            await asyncio.sleep(max(0.0, ends_s + _TOKEN_S - loop.time()))
            assert not pair.ear.events, f"the token was renewed in time, but received: {pair.ear.events}"
            assert OUR_UID in stage.far.uids(CHANNEL), "the token was renewed in time, but the channel does not see us"
            await stage.flow(pair)
            over = forgetful.count(LegClosed) + forgetful.count(LegFailed)
            assert over == 1, (
                f"a token expired without being renewed: received LegClosed or LegFailed {over} times, not once"
            )
            uids = list(stage.far.uids(OTHER_CHANNEL))
            assert not uids, f"a token expired without being renewed, but the channel sees {uids}"

    async def _renewed(self, stage: Stage, pair: Pair, life_s: float) -> None:
        """Renew the token while talking, first with a bad one."""
        talking = asyncio.create_task(talk(FRAMES_PER_S, pair.ours, pair.theirs))
        forged = pair.leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID, fault=TokenFault.FORGED))
        await self.raises(TokenRejected, forged, "renew() with a forged token must raise TokenRejected")
        await pair.leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID, life_s=life_s))
        await talking
        await stage.rest()
        for way, heard in (("to us", pair.heard), ("from us", pair.member.heard)):
            assert len(heard) >= FRAMES_PER_S, (
                f"of {FRAMES_PER_S} frames {way} {len(heard)} were heard while the token was renewed"
            )

    @clause(
        "transport-31",
        "what members did during an outage is reported after it, each once: joining, leaving, publishing, muting",
        capability="outage",
    )
    async def test_changes_during_an_outage(self) -> None:
        async with self.stage() as stage:
            there = {uid: stage.far.member(CHANNEL, uid) for uid in (3, 4, 5, 6)}
            for uid in (3, 4, 5):
                there[uid].join()
            there[4].publish()
            pair = await stage.pair()
            pair.ear.events.clear()
            stage.far.cut()
            await stage.received(pair.ear, LegDisconnected, self.outage_s + self.patience_s)
            there[3].leave()
            there[4].unpublish()
            there[5].publish()
            there[6].join()
            await asyncio.sleep(self.either(self.outage_s, 0.1))
            stage.far.mend()
            await stage.received(pair.ear, LegReconnected, self.give_up_s)
            expected = {"3 left", "4 muted", "5 published", "6 joined"}

            def reported() -> list[str]:
                return sorted(name for event in pair.ear.events if (name := _change(event)))

            with contextlib.suppress(AssertionError):
                await self.until(lambda: expected <= set(reported()), "the changes are reported")
            await stage.rest()
            assert reported() == sorted(expected), (
                f"during an outage happened: {', '.join(sorted(expected))}; reported after it: "
                f"{', '.join(reported()) or 'nothing'}"
            )

    async def _back(self, stage: Stage, pair: Pair) -> None:
        """Wait for the end of an outage, which the leg may not have noticed."""
        ear = pair.ear
        await self.until(
            lambda: ear.count(LegReconnected) == ear.count(LegDisconnected),
            "LegReconnected is received after an outage",
            self.give_up_s,
        )
        await stage.rest()


def _change(event: LegEvent) -> str:
    match event:
        case MemberJoined(uid):
            return f"{uid} joined"
        case MemberLeft(uid):
            return f"{uid} left"
        case MemberPublished(uid):
            return f"{uid} published"
        case MemberUnpublished(uid):
            return f"{uid} muted"
        case _:
            return ""


def _is_late(frame: AudioFrame) -> bool:
    """Whether a frame is of the tone that is spoken during outages."""
    return is_mostly(frame.pcm, OTHER_TONE_HZ, frame.rate_hz)


def _lost(leg: Leg) -> int:
    return sum(value for name, value in leg.counters().items() if "lost" in name or "dropped" in name)
