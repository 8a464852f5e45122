"""Clauses about trouble: outages that end, outages that do not, a loop that stands still, tokens that end."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from offhook.errors import TokenRejected
from offhook.interfaces.far_end import TokenFault
from offhook.session.events import GrantExpiring, LegClosed, LegDisconnected, LegFailed, LegReconnected, MemberJoined
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, FRAMES_A_SECOND, OTHER_CHANNEL, OUR_UID, PTIME_S, talk

if TYPE_CHECKING:
    from offhook.interfaces import Leg
    from offhook.testing.conformance.transport.stage import Pair, Stage


_BLOCKED_S: Final = 0.3
#: A clock of tokens that counts whole seconds, and a timer, may be so far off.
_TOKEN_S: Final = 2.5


class OutageClauses(TransportKit):
    """Clauses 11, 12 and 16 to 18."""

    @clause("transport-11", "what is sent in an outage is lost and counted, and not heard later", capability="outage")
    async def test_nothing_is_queued(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            before = _lost(line.leg)
            stage.far.cut()
            frames = round(self.outage_s / PTIME_S)
            await talk(frames, line.ours, line.theirs)
            line.forget_audio()
            stage.far.mend()
            await self._back(stage, line)
            await asyncio.sleep(1.0)
            for way, heard in (("to us", line.heard), ("from us", line.member.heard)):
                assert len(heard) <= FRAMES_A_SECOND, (
                    f"{len(heard) * PTIME_S:.2f} s of what was said in an outage of {self.outage_s:g} s were heard "
                    f"after it ({way}): audio that is late is of no use, drop it"
                )
            await stage.flow(line)
            await self.until(
                lambda: _lost(line.leg) - before >= 0.8 * frames,
                f"counters with lost or dropped in their names grow by the {frames} frames of an outage, in one way at "
                f"least (they grew by {_lost(line.leg) - before}): count what send() was given while the network was "
                "gone, noticed or not, or what was not heard by the jump of positions",
            )

    @clause("transport-12", "an event loop that stands still for 300 ms costs no event, no later frame and not the leg")
    async def test_a_blocked_loop(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            line.ear.events.clear()
            stage.far.member(CHANNEL, 3).join()
            for voice in (line.ours, line.theirs):
                voice.pause(_BLOCKED_S)
            self.block_loop(_BLOCKED_S)
            await talk(10, line.ours, line.theirs)
            await self.until(lambda: len(line.heard) >= 10, "what is said after the loop stood still is heard by us")
            await self.until(lambda: len(line.member.heard) >= 10, "and what we say, by the member")
            await stage.rest()
            events = line.ear.events
            assert events == [MemberJoined(3)], f"member 3 joined while the loop stood still, and {events} was told"

    @clause(
        "transport-16",
        "after an outage: LegDisconnected and LegReconnected once, the same uid, audio, positions that jump by the gap",
        capability="outage",
    )
    async def test_coming_back(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            line.ear.events.clear()
            await talk(10, line.ours, line.theirs)
            loop = asyncio.get_running_loop()
            cut_at_s = loop.time()
            stage.far.cut()
            # Whoever needs longer to notice is given longer.
            await stage.told(line.ear, LegDisconnected, self.outage_s + self.patience_s)
            await asyncio.sleep(max(0.0, cut_at_s + self.outage_s - loop.time()))
            gap_s = loop.time() - cut_at_s
            for voice in (line.ours, line.theirs):
                voice.pause(gap_s)
            stage.far.mend()
            await stage.told(line.ear, LegReconnected, self.give_up_s)
            await self.until(lambda: OUR_UID in stage.far.uids(CHANNEL), f"the channel sees us as uid {OUR_UID} again")
            await talk(FRAMES_A_SECOND, line.ours, line.theirs)
            await stage.rest()
            events = [event for event in line.ear.events if isinstance(event, LegDisconnected | LegReconnected)]
            assert events == [LegDisconnected(), LegReconnected()], f"an outage was told as {events}"
            uids = [uid for uid in stage.far.uids(CHANNEL) if uid != line.member.uid]
            assert uids == [OUR_UID], f"uid {OUR_UID} came back after an outage, and the channel sees {uids}"
            for way, heard in (("to us", line.heard), ("from us", line.member.heard)):
                jumps_s = [(after.position - before.position) / after.rate_hz for before, after in pairwise(heard)]
                jump_s = max(jumps_s, default=0.0)
                assert abs(jump_s - gap_s) <= 0.5, (
                    f"positions of audio {way} jump by {jump_s:.2f} s over an outage of {gap_s:.2f} s: "
                    "time goes on while nothing is heard"
                )

    @clause(
        "transport-17",
        "an outage that does not end: LegFailed once, with a reason, then nothing",
        capability="giving up",
    )
    async def test_giving_up(self) -> None:
        async with self.stage() as stage:
            line = await stage.line()
            stage.far.cut()
            await stage.told(line.ear, LegFailed, self.give_up_s)
            events = line.ear.events
            number, reason = next(
                (number, event.reason) for number, event in enumerate(events, 1) if isinstance(event, LegFailed)
            )
            assert reason, "LegFailed must have a reason that tells a person what happened"
            stage.far.mend()
            await talk(10, line.theirs)
            await asyncio.sleep(self.either(self.give_up_s, 2.0))
            later = events[number:]
            assert not later, f"after LegFailed nothing more is told, and {later} was"

    @clause(
        "transport-18",
        "GrantExpiring before a token ends; renew() costs no frame; refused is TokenRejected; not renewed is put out",
        capability="renewal",
    )
    async def test_tokens_end(self) -> None:
        life_s = self.token_life_s or self.either(60, 4)
        async with self.stage() as stage:
            loop = asyncio.get_running_loop()
            ends_s = loop.time() + life_s
            line = await stage.line(grant=stage.far.grant(CHANNEL, uid=OUR_UID, life_s=life_s))
            _, forgetful = await stage.join(
                grant=stage.far.grant(OTHER_CHANNEL, uid=OUR_UID, life_s=life_s), channel=OTHER_CHANNEL
            )
            await stage.told(line.ear, GrantExpiring, life_s)
            assert loop.time() < ends_s, "GrantExpiring was told when the token had ended: tell it before"
            line.ear.events.clear()
            await self._renewed(stage, line, 20 * life_s)
            await asyncio.sleep(max(0.0, ends_s + _TOKEN_S - loop.time()))
            assert not line.ear.events, f"a token was renewed in time, and {line.ear.events} was told"
            assert OUR_UID in stage.far.uids(CHANNEL), "a token was renewed in time, and we are out of the channel"
            await stage.flow(line)
            over = forgetful.count(LegClosed) + forgetful.count(LegFailed)
            assert over == 1, (
                f"a token ended that nobody renewed: LegClosed or LegFailed was told {over} times, not once"
            )
            uids = list(stage.far.uids(OTHER_CHANNEL))
            assert not uids, f"a token ended that nobody renewed, and the channel sees {uids}"

    async def _renewed(self, stage: Stage, line: Pair, life_s: float) -> None:
        """Renew in mid-talk, first with a token that is no good."""
        talking = asyncio.create_task(talk(FRAMES_A_SECOND, line.ours, line.theirs))
        forged = line.leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID, fault=TokenFault.FORGED))
        await self.raises(TokenRejected, forged, "renew() with a forged token must raise TokenRejected")
        await line.leg.renew(stage.far.grant(CHANNEL, uid=OUR_UID, life_s=life_s))
        await talking
        await stage.rest()
        for way, heard in (("to us", line.heard), ("from us", line.member.heard)):
            assert len(heard) >= FRAMES_A_SECOND, (
                f"of {FRAMES_A_SECOND} frames {way} {len(heard)} were heard while a token was renewed"
            )

    async def _back(self, stage: Stage, line: Pair) -> None:
        """Wait for the end of an outage, which may have gone unnoticed."""
        ear = line.ear
        await self.until(
            lambda: ear.count(LegReconnected) == ear.count(LegDisconnected),
            "LegReconnected is told after an outage",
            self.give_up_s,
        )
        await stage.rest()


def _lost(leg: Leg) -> int:
    return sum(value for name, value in leg.counters().items() if "lost" in name or "dropped" in name)
