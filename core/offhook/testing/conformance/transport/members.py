"""Clauses about the events of other members: order, reasons, threads, handlers that raise, two channels."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from offhook.session.events import LeaveReason, MemberJoined, MemberLeft, MemberPublished, MemberUnpublished
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.transport.kit import TransportKit
from offhook.testing.conformance.transport.stage import CHANNEL, OTHER_CHANNEL, OUR_UID, Ear, Voice, talk

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame
    from offhook.session.events import LegEvent
    from offhook.testing.conformance.transport.stage import Pair


class RaisingEar(Ear):
    """Records each call, then raises."""

    def on_event(self, event: LegEvent) -> None:
        super().on_event(event)
        raise RuntimeError("this handler raises on purpose")

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        super().on_audio(uid, frame)
        raise RuntimeError("this handler raises on purpose")


class MemberClauses(TransportKit):
    """Clauses 14, 15, 19, 20 and 22."""

    @clause("transport-14", "member events arrive in order and exactly once, also for members who joined before us")
    async def test_events_in_order(self) -> None:
        async with self.stage() as stage:
            there = {uid: stage.far.member(CHANNEL, uid) for uid in (2, 3, 4, 5)}
            for uid in (2, 3, 4):
                there[uid].join()
            for uid in (2, 4):
                there[uid].publish()
            there[4].unpublish()
            _, ear = await stage.join()
            expected: list[LegEvent] = [MemberJoined(2), MemberPublished(2), MemberJoined(3), MemberJoined(4)]
            await self._received(ear, expected, "events of members who joined before us")
            await stage.rest()
            there[3].publish()
            there[5].join()
            there[3].unpublish()
            there[5].publish()
            there[2].leave()
            expected += [MemberPublished(3), MemberJoined(5), MemberUnpublished(3), MemberPublished(5)]
            expected += [MemberLeft(2, LeaveReason.QUIT)]
            await self._received(ear, expected, "events of members")
            await stage.rest()
            assert ear.events == expected, f"received {ear.events} in the end, expected {expected}"

    async def _received(self, ear: Ear, expected: list[LegEvent], what: str) -> None:
        with contextlib.suppress(AssertionError):
            await self.until(lambda: len(ear.events) >= len(expected), what)
        assert ear.events == expected, f"{what}: received {ear.events}, expected {expected}"

    @clause("transport-15", "MemberLeft says QUIT for a member who leaves and DROPPED for one who vanishes")
    async def test_reasons_of_leaving(self) -> None:
        async with self.stage() as stage:
            _, ear = await stage.join()
            for uid, reason in enumerate(LeaveReason, 2):
                member = stage.far.member(CHANNEL, uid)
                member.join()
                member.leave(reason)
                await self.until(
                    lambda: ear.count(MemberLeft), f"MemberLeft is received for a member who {reason.value}"
                )
                left = [event for event in ear.events if isinstance(event, MemberLeft)]
                assert left == [MemberLeft(uid, reason)], f"a member {reason.value}, but {left} was received"
                ear.events.clear()

    @clause(
        "transport-19", "a handler that raises does no harm: later events and audio still arrive, and leave() works"
    )
    async def test_raising_handlers(self) -> None:
        async with self.stage() as stage:
            pair = await stage.pair(ear=RaisingEar())
            await talk(10, pair.ours, pair.theirs)
            await self.until(lambda: len(pair.heard) >= 10, "a handler that raises on each frame still receives audio")
            await self.until(lambda: len(pair.member.heard) >= 10, "our audio is still sent when the handler raises")
            stage.far.member(CHANNEL, 3).join()
            pair.member.unpublish()
            await self.until(
                lambda: {MemberJoined(3), MemberUnpublished(2)} <= set(pair.ear.events),
                "a handler that raises on each event still receives events",
            )
            await self.bounded(pair.leg.leave(), "leave() returns although the handler raised")
            await self.until(
                lambda: OUR_UID not in stage.far.uids(CHANNEL), "the channel does not see us after leave()"
            )

    @clause(
        "transport-20",
        "the handler is called on the loop's thread, and only from the return of join() to the return of leave()",
    )
    async def test_when_the_handler_is_called(self) -> None:
        async with self.stage() as stage:
            member = stage.far.member(CHANNEL, 2)
            member.join()
            member.publish()
            speaking = asyncio.create_task(talk(1_000, Voice(member.say, stage.transport.rate_hz)))
            leg, ear = await stage.join()
            await self.until(lambda: ear.audio, "a member who joined before us is heard")
            early, last = ear.early, len(ear.audio)
            assert not early, f"the handler was called {early} times before join() returned"
            threads = ear.threads - {threading.get_ident()}
            assert not threads, "the handler was called on another thread: use loop.call_soon_threadsafe"
            await self.until(lambda: len(ear.audio) > last, "audio continues")
            await leg.leave()
            received = len(ear.events), len(ear.audio)
            stage.far.member(CHANNEL, 3).join()
            await stage.rest()
            stage.far.put_out(CHANNEL, OUR_UID, "kicked")
            await stage.rest()
            speaking.cancel()
            later = len(ear.events) - received[0], len(ear.audio) - received[1]
            assert later == (0, 0), f"{later[0]} events and {later[1]} frames arrived after leave() returned"

    @clause("transport-22", "two channels can be joined at once on one transport, and neither audio nor events cross")
    async def test_two_channels(self) -> None:
        async with self.stage() as stage:
            pairs = await stage.pair(), await stage.pair(OTHER_CHANNEL, uid=3)
            for pair in pairs:
                pair.forget_audio()
                pair.ear.events.clear()
            for index, pair in enumerate(pairs):
                other = pairs[1 - index]
                await self._use(pair)
                await stage.rest()
                crossed = len(other.ear.audio), len(other.member.heard), len(other.ear.events)
                assert crossed == (0, 0, 0), (
                    f"from one channel, {crossed[0]} frames and {crossed[2]} events reached the leg in another, and "
                    f"{crossed[1]} frames reached its members"
                )
                pair.forget_audio()
                pair.ear.events.clear()

    async def _use(self, pair: Pair) -> None:
        """Send audio in both directions, and cause an event."""
        await talk(10, pair.ours, pair.theirs)
        pair.member.unpublish()
        await self.until(lambda: len(pair.heard) >= 9, "we hear the member")
        await self.until(lambda: len(pair.member.heard) >= 9, "the member hears us")
        await self.until(lambda: pair.ear.events, "an event is received")
