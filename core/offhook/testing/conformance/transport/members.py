"""Clauses about what a handler is told of the others: order, reasons, threads, handlers that raise, two channels."""

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
    """Keeps what it is told, and raises."""

    def on_event(self, event: LegEvent) -> None:
        super().on_event(event)
        raise RuntimeError("this handler raises on purpose")

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        super().on_audio(uid, frame)
        raise RuntimeError("this handler raises on purpose")


class MemberClauses(TransportKit):
    """Clauses 14, 15, 19, 20 and 22."""

    @clause("transport-14", "what members do is told in order and exactly once, also of those who were there before us")
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
            await self._all_told(ear, expected, "members who were there before")
            await stage.rest()
            there[3].publish()
            there[5].join()
            there[3].unpublish()
            there[5].publish()
            there[2].leave()
            expected += [MemberPublished(3), MemberJoined(5), MemberUnpublished(3), MemberPublished(5)]
            expected += [MemberLeft(2, LeaveReason.QUIT)]
            await self._all_told(ear, expected, "what members did")
            await stage.rest()
            assert ear.events == expected, f"told {ear.events} in the end, expected {expected}"

    async def _all_told(self, ear: Ear, expected: list[LegEvent], what: str) -> None:
        with contextlib.suppress(AssertionError):
            await self.until(lambda: len(ear.events) >= len(expected), what)
        assert ear.events == expected, f"{what}: told {ear.events}, expected {expected}"

    @clause("transport-15", "whoever leaves is told as QUIT, whoever vanishes as DROPPED")
    async def test_reasons_of_leaving(self) -> None:
        async with self.stage() as stage:
            _, ear = await stage.join()
            for uid, reason in enumerate(LeaveReason, 2):
                member = stage.far.member(CHANNEL, uid)
                member.join()
                member.leave(reason)
                await self.until(lambda: ear.count(MemberLeft), f"MemberLeft is told of a member who {reason.value}")
                left = [event for event in ear.events if isinstance(event, MemberLeft)]
                assert left == [MemberLeft(uid, reason)], f"a member went ({reason.value}), and {left} was told"
                ear.events.clear()

    @clause("transport-19", "a handler that raises hurts nobody: later events and audio come, and leave() works")
    async def test_raising_handlers(self) -> None:
        async with self.stage() as stage:
            line = await stage.line(ear=RaisingEar())
            await talk(10, line.ours, line.theirs)
            await self.until(lambda: len(line.heard) >= 10, "audio comes to a handler that raises on each frame")
            await self.until(lambda: len(line.member.heard) >= 10, "our audio goes on when the handler raises")
            stage.far.member(CHANNEL, 3).join()
            line.member.unpublish()
            await self.until(
                lambda: {MemberJoined(3), MemberUnpublished(2)} <= set(line.ear.events),
                "events come to a handler that raises on each event",
            )
            await self.bounded(line.leg.leave(), "leave() returns though the handler raised")
            await self.until(lambda: OUR_UID not in stage.far.uids(CHANNEL), "we are out of the channel after leave()")

    @clause("transport-20", "a handler is called on the loop's thread, and between join()'s return and leave()'s")
    async def test_when_the_handler_is_called(self) -> None:
        async with self.stage() as stage:
            member = stage.far.member(CHANNEL, 2)
            member.join()
            member.publish()
            speaking = asyncio.create_task(talk(1_000, Voice(member.say, stage.transport.rate_hz)))
            leg, ear = await stage.join()
            await self.until(lambda: ear.audio, "the audio of a member who was there before is heard")
            early, last = ear.early, len(ear.audio)
            assert not early, f"the handler was called {early} times before join() had returned"
            threads = ear.threads - {threading.get_ident()}
            assert not threads, "the handler was called on a foreign thread: use loop.call_soon_threadsafe"
            await self.until(lambda: len(ear.audio) > last, "audio goes on")
            await leg.leave()
            told = len(ear.events), len(ear.audio)
            stage.far.member(CHANNEL, 3).join()
            await stage.rest()
            stage.far.put_out(CHANNEL, OUR_UID, "kicked")
            await stage.rest()
            speaking.cancel()
            later = len(ear.events) - told[0], len(ear.audio) - told[1]
            assert later == (0, 0), f"{later[0]} events and {later[1]} frames came after leave() had returned"

    @clause("transport-22", "two channels at once on one transport: neither audio nor events cross")
    async def test_two_channels(self) -> None:
        async with self.stage() as stage:
            lines = await stage.line(), await stage.line(OTHER_CHANNEL, uid=3)
            for line in lines:
                line.forget_audio()
                line.ear.events.clear()
            for index, line in enumerate(lines):
                other = lines[1 - index]
                await self._use(line)
                await stage.rest()
                crossed = len(other.ear.audio), len(other.member.heard), len(other.ear.events)
                assert crossed == (0, 0, 0), (
                    f"of what happened in one channel, {crossed[0]} frames and {crossed[2]} events came to the leg in "
                    f"another, and {crossed[1]} frames heard by its members"
                )
                line.forget_audio()
                line.ear.events.clear()

    async def _use(self, line: Pair) -> None:
        """Both ways, and an event."""
        await talk(10, line.ours, line.theirs)
        line.member.unpublish()
        await self.until(lambda: len(line.heard) >= 9, "audio comes in")
        await self.until(lambda: len(line.member.heard) >= 9, "audio goes out")
        await self.until(lambda: line.ear.events, "an event comes in")
