"""Transports that break one clause each and no other, which proves that the kit detects what it claims to detect.

Each is a linked transport with one fault, a few lines that a plugin author could have written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from array import array
from typing import TYPE_CHECKING, Final

from offhook.errors import JoinFailed, TokenRejected, TransportError, TransportUnavailable
from offhook.interfaces.frame import AudioFrame, level_dbfs, pcm_of, samples_of
from offhook.session.events import (
    GrantExpiring,
    LeaveReason,
    LegClosed,
    LegDisconnected,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.testing import LinkedFarEnd, VirtualLoop
from offhook.testing.linked.channel import LinkedChannel
from offhook.testing.linked.leg import LinkedLeg
from offhook.testing.linked.transport import LinkedTransport

if TYPE_CHECKING:
    from offhook.interfaces import Leg, LegHandler
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


# 1


class TakesNoUid(LinkedTransport):
    """Joins with uid 0 instead of letting the channel choose a uid."""

    def enter(self, channel: LinkedChannel, uid: int, handler: LegHandler) -> LinkedLeg:
        leg = super().enter(channel, uid, handler)
        leg.uid = uid
        return leg


class JoinsSlowly(LinkedTransport):
    """join() takes 8 s."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        assert isinstance(self.far_end, LinkedFarEnd)
        if self.far_end.verify(grant, grant.uid) > 60:  # tokens that expire are not the matter here
            await asyncio.sleep(8)
        return await super().join(grant, handler)


# 2


class ReplacedInSilence(LinkedTransport):
    """A leg that was replaced does not report LegClosed."""

    class leg_class(LinkedLeg):
        def put_out(self, reason: str) -> None:
            if reason == "replaced":
                self.depart()
            else:
                super().put_out(reason)


class RefusesAndPutsOut(LinkedTransport):
    """Rejects the second join and removes the first leg as well."""

    def enter(self, channel: LinkedChannel, uid: int, handler: LegHandler) -> LinkedLeg:
        for leg in channel.legs:
            if leg.uid == uid:
                leg.put_out("replaced")
                raise JoinFailed("that uid is in the channel already")
        return super().enter(channel, uid, handler)


# 3


class ExpiredIsInvalid(LinkedTransport):
    """Reports every bad token as invalid."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            return await super().join(grant, handler)
        except TokenRejected as error:
            raise TokenRejected(error.message, 8) from None


class IgnoresARefusal(LinkedTransport):
    """Returns a leg that is in no channel when a token has expired."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            return await super().join(grant, handler)
        except TokenRejected as error:
            if error.reason == 9 and grant.channel == "room":
                return self.enter(LinkedChannel("nowhere", guarded=True), grant.uid, handler)
            raise


# 4


class LeavesHalfAJoin(LinkedTransport):
    """Enters the channel before join() returns, and stays in it if join() is cancelled."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        assert isinstance(self.far_end, LinkedFarEnd)
        half = self.far_end.member(grant.channel, grant.uid)
        self.far_end.verify(grant, grant.uid)
        half.in_channel = True
        for _ in range(5):
            await asyncio.sleep(0)
        half.in_channel = False
        return await super().join(grant, handler)


class LeavesATimer(LinkedTransport):
    """Leaves a task that watches the join when join() is cancelled."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        watching = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        watching.cancel()
        return await super().join(grant, handler)


class SwallowsCancellation(LinkedTransport):
    """Tries again when its first attempt is cancelled."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return await super().join(grant, handler)


# 5


class LeavesOnce(LinkedTransport):
    """A second leave() raises."""

    class leg_class(LinkedLeg):
        left = False

        async def leave(self) -> None:
            if self.left:
                raise RuntimeError("not in the channel")
            self.left = True
            await super().leave()


class SwallowsTheCancellationOfLeave(LinkedTransport):
    """leave() goes on when it is cancelled, and does not say that it was."""

    class leg_class(LinkedLeg):
        async def leave(self) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.001)
            await super().leave()


# 6


class NeverClosed(LinkedTransport):
    """check() accepts a transport that was closed."""

    async def check(self, endpoint: str | None) -> None:
        if not self.closed:
            await super().check(endpoint)


# 7


class FirstFrameOpens(LinkedTransport):
    """The first frame creates the encoder and is lost."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            if self._counts["frames_sent"]:
                super().send(frame)
            else:
                self._counts["frames_sent"] += 1


# 8


class TakesAnything(LinkedTransport):
    """Frames that do not fit are dropped silently."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            if frame.rate_hz == self.rate_hz and frame.duration_ms <= 20:
                super().send(frame)


class RefusesAndIsGone(LinkedTransport):
    """After a frame that does not fit, the leg cannot send any more."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            try:
                super().send(frame)
            except ValueError:
                self.rate_hz = 1
                raise


class RefusesShortFrames(LinkedTransport):
    """Frames must have exactly 20 ms."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            if frame.samples < self.rate_hz // 50:
                raise ValueError("the encoder takes 20 ms")
            super().send(frame)


class JittersPositions(LinkedTransport):
    """Every second frame claims to begin before the frame before it has ended."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            shift = 10 * (self._counts["frames_received"] % 2)
            super().hear(uid, AudioFrame(frame.pcm, frame.rate_hz, frame.position + shift))


class HearsOneTalker(LinkedTransport):
    """Audio of every member is heard as that of the first one who talked."""

    class leg_class(LinkedLeg):
        talker = 0

        def hear(self, uid: int, frame: AudioFrame) -> None:
            self.talker = self.talker or uid
            super().hear(self.talker, frame)


class CountsFast(LinkedTransport):
    """Positions grow faster than samples are heard."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            shift = 100 * min(12, self._counts["frames_received"])
            super().hear(uid, AudioFrame(frame.pcm, frame.rate_hz, frame.position + shift))


# 9


class HoldsUp(LinkedTransport):
    """Each frame is delayed by 8 ms."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            asyncio.get_running_loop().call_later(0.008, super().hear, uid, frame)


# 10


class LosesNowAndThen(LinkedTransport):
    """After eleven seconds, one frame in twenty is lost."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            count = self._counts["frames_received"]
            if count > 550 and not count % 20:
                self._counts["frames_received"] += 1
            else:
                super().hear(uid, frame)


# 11


class Queues(LinkedTransport):
    """Audio of an outage is queued and delivered after it."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            if self.cut:
                self.kept = [*getattr(self, "kept", []), (uid, frame)]
            super().hear(uid, frame)

        def reconnect(self) -> None:
            super().reconnect()
            for uid, frame in self.__dict__.pop("kept", []):
                self.hear(uid, frame)


class QueuesALittle(LinkedTransport):
    """Keeps the last 0.6 s of an outage, and sends them before the audio after it."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            kept: list[AudioFrame] = self.__dict__.setdefault("kept", [])
            if self.cut:
                self.kept = [*kept, frame][-30:]
            elif kept:
                self.kept = []
                for late in kept:
                    self.channel.carry(late)
            super().send(frame)


class StaysLate(LinkedTransport):
    """After an outage, everything is heard a quarter of a second late."""

    class leg_class(LinkedLeg):
        late = False

        def hear(self, uid: int, frame: AudioFrame) -> None:
            if self.late:
                asyncio.get_running_loop().call_later(0.25, super().hear, uid, frame)
            else:
                super().hear(uid, frame)

        def reconnect(self) -> None:
            self.late = self.late or self.cut
            super().reconnect()


class CountsNothing(LinkedTransport):
    """Frames lost in an outage are not counted."""

    class leg_class(LinkedLeg):
        def counters(self) -> dict[str, int]:
            return {name: value for name, value in super().counters().items() if "lost" not in name}


# 12


class TakesItForAnOutage(LinkedTransport):
    """A late heartbeat is reported as a lost connection."""

    class leg_class(LinkedLeg):
        def introduce(self) -> None:
            super().introduce()
            if not hasattr(self, "beat_s"):
                self.beat()

        def beat(self) -> None:
            loop = asyncio.get_running_loop()
            late = loop.time() - getattr(self, "beat_s", loop.time()) > 0.2
            self.beat_s = loop.time()
            if not self._over:
                if late:
                    self._tell(LegDisconnected())
                loop.call_later(0.1, self.beat)


# 13


class SuppressesSilence(LinkedTransport):
    """Silent frames are not sent."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            if level_dbfs(frame.pcm) > -90:
                super().hear(uid, frame)
            else:
                self._counts["frames_received"] += 1


class TellsPauses(LinkedTransport):
    """Positions count the audio heard, not the time."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            jump = frame.position - getattr(self, "next", frame.position)
            # Long jumps are outages, which another clause checks.
            self.less = getattr(self, "less", 0) + (jump if jump < 2 * self.rate_hz else 0)
            self.next = frame.position + frame.samples
            super().hear(uid, AudioFrame(frame.pcm, frame.rate_hz, frame.position - self.less))


# 14


class TellsNewsOnly(LinkedTransport):
    """Members who joined before us are not reported."""

    class leg_class(LinkedLeg):
        def introduce(self) -> None:
            self._introduction = []


class TellsTwice(LinkedTransport):
    """A member who joined before us is reported twice."""

    class leg_class(LinkedLeg):
        def introduce(self) -> None:
            if self._introduction:
                asyncio.get_running_loop().call_later(0.001, self.happened, self._introduction[0])
            super().introduce()


# 15


class EverybodyQuits(LinkedTransport):
    """A member who vanishes is reported as QUIT."""

    class leg_class(LinkedLeg):
        def _tell(self, event: LegEvent) -> None:
            super()._tell(MemberLeft(event.uid, LeaveReason.QUIT) if isinstance(event, MemberLeft) else event)


# 16


class TimeStandsStill(LinkedTransport):
    """Positions after an outage continue without a jump."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            jump = frame.position - getattr(self, "next", frame.position)
            self.less = getattr(self, "less", 0) + (jump if jump > 2 * self.rate_hz else 0)
            self.next = frame.position + frame.samples
            super().hear(uid, AudioFrame(frame.pcm, frame.rate_hz, frame.position - self.less))


class CountsAnew(LinkedTransport):
    """The counters of a new connection begin at 0."""

    class leg_class(LinkedLeg):
        def reconnect(self) -> None:
            if self.cut:
                self._counts["frames_sent"] = 0
            super().reconnect()


# 17


class NeverGivesUp(LinkedTransport):
    """Never gives up."""

    class leg_class(LinkedLeg):
        def give_up(self, problem: str) -> None:
            pass


class SaysItTwice(LinkedTransport):
    """Reports LegClosed after LegFailed."""

    class leg_class(LinkedLeg):
        def give_up(self, problem: str) -> None:
            super().give_up(problem)
            self.handler.on_event(LegClosed())


class FailsWithItsToken(LinkedTransport):
    """The reason of LegFailed contains the token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        leg = await super().join(grant, handler)
        assert isinstance(leg, LinkedLeg)
        give_up = leg.give_up
        leg.give_up = lambda problem: give_up(f"{problem} ({grant.token.reveal()})")  # type: ignore[method-assign]
        return leg


# 18


class SaysNothingBefore(LinkedTransport):
    """A token expires without GrantExpiring."""

    class leg_class(LinkedLeg):
        def happened(self, event: LegEvent) -> None:
            if event != GrantExpiring():
                super().happened(event)


# 19


class Deafened(LinkedTransport):
    """A handler that raises is never called again."""

    class leg_class(LinkedLeg):
        def _tell(self, event: LegEvent) -> None:
            try:
                if not self._over:
                    self.handler.on_event(event)
            except Exception:
                self.happened = lambda event: None  # type: ignore[method-assign]
                self.hear = lambda uid, frame: None  # type: ignore[method-assign]


# 20


class TooEarly(LinkedTransport):
    """Reports members before join() returns."""

    class leg_class(LinkedLeg):
        def __init__(self, transport: LinkedTransport, channel: LinkedChannel, uid: int, handler: LegHandler) -> None:
            super().__init__(transport, channel, uid, handler)
            self.introduce()


class TooLate(LinkedTransport):
    """Audio arrives after leave()."""

    class leg_class(LinkedLeg):
        async def leave(self) -> None:
            await super().leave()
            late = AudioFrame(b"", self.rate_hz)
            asyncio.get_running_loop().call_later(0.001, self.handler.on_audio, 2, late)


class ForeignThread(LinkedTransport):
    """The first frame arrives on the thread that created the decoder."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            if self._counts["frames_received"]:
                super().hear(uid, frame)
            else:
                thread = threading.Thread(target=super().hear, args=(uid, frame))
                thread.start()
                thread.join()


# 21


class LeavesATask(LinkedTransport):
    """Each leave() leaves a task behind."""

    class leg_class(LinkedLeg):
        async def leave(self) -> None:
            await super().leave()
            self.task = asyncio.create_task(asyncio.sleep(3600))
            asyncio.get_running_loop().call_later(3600, self.task.cancel)


# 22


class Crosses(LinkedTransport):
    """Audio for one leg reaches all legs."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            assert isinstance(self._transport, LinkedTransport)
            for leg in self._transport._legs:
                LinkedLeg.hear(leg, uid, frame)


# 23


class KeepsAThread(LinkedTransport):
    """A thread runs until leave()."""

    #: The events that end the threads; tests that use this class set them.
    ends: Final[list[threading.Event]] = []

    class leg_class(LinkedLeg):
        def __init__(self, transport: LinkedTransport, channel: LinkedChannel, uid: int, handler: LegHandler) -> None:
            super().__init__(transport, channel, uid, handler)
            self.end = threading.Event()
            KeepsAThread.ends.append(self.end)
            threading.Thread(target=self.end.wait, name="kept").start()

        def depart(self) -> None:
            super().depart()
            self.end.set()


class Uncancellable(LinkedTransport):
    """A task ends with leave() and ignores cancellation."""

    class leg_class(LinkedLeg):
        def __init__(self, transport: LinkedTransport, channel: LinkedChannel, uid: int, handler: LegHandler) -> None:
            super().__init__(transport, channel, uid, handler)
            self.left = False
            self.task = asyncio.create_task(self.stay())

        async def stay(self) -> None:
            while not self.left:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.01)

        async def leave(self) -> None:
            self.left = True
            await super().leave()


# 24


class CountsTwice(LinkedTransport):
    """Counts a frame when it is sent and again when it is encoded."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            super().send(frame)
            self._counts["frames_sent"] += 1


# 25


class ShowsItsGrant(LinkedTransport):
    """Its repr() contains the token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        leg = await super().join(grant, handler)
        self.shown = grant.token.reveal()
        return leg

    def __repr__(self) -> str:
        return f"ShowsItsGrant({getattr(self, 'shown', '')})"


class LogsItsGrant(LinkedTransport):
    """Its log contains the token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        logging.getLogger("broken").debug("joining with %s", grant.token.reveal())
        return await super().join(grant, handler)


class SaysWhichToken(LinkedTransport):
    """Its error contains the rejected token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            return await super().join(grant, handler)
        except TokenRejected as error:
            error.args = (f"{error.message}: {grant.token.reveal()}",)
            raise


class NotesItsToken(LinkedTransport):
    """A note of its error contains the rejected token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            return await super().join(grant, handler)
        except TokenRejected as error:
            error.add_note(grant.token.reveal())
            raise


class RaisesFromItsRequest(LinkedTransport):
    """The context of its error, which is suppressed, contains the rejected token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            return await super().join(grant, handler)
        except TokenRejected as error:
            try:
                raise KeyError({"token": grant.token.reveal()})
            except KeyError:
                raise TokenRejected(error.message, error.reason) from None


class HasItsTokenInAVariable(LinkedTransport):
    """A variable of join() contains the token, which tools show beside a traceback."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        message = {"token": grant.token.reveal()}
        assert message
        return await super().join(grant, handler)


class PrintsItsToken(LinkedTransport):
    """renew() prints the token."""

    class leg_class(LinkedLeg):
        async def renew(self, grant: Grant) -> None:
            print("renewing with", grant.token.reveal())
            await super().renew(grant)


class NotesItsTokenWhenCancelled(LinkedTransport):
    """A note of CancelledError contains the token."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        try:
            await asyncio.sleep(0)
            return await super().join(grant, handler)
        except asyncio.CancelledError as error:
            error.add_note(grant.token.reveal())
            raise


# 26


class KnowsThemAlready(LinkedTransport):
    """A member who comes back is assumed to publish already."""

    class leg_class(LinkedLeg):
        def _tell(self, event: LegEvent) -> None:
            left: set[int] = self.__dict__.setdefault("left", set())
            if isinstance(event, MemberLeft):
                left.add(event.uid)
            if not (isinstance(event, MemberPublished) and event.uid in left):
                super()._tell(event)


# 27


class ChecksNothing(LinkedTransport):
    """check() accepts every endpoint."""

    async def check(self, endpoint: str | None) -> None:
        if self.closed:
            raise TransportUnavailable("this transport was closed")


class RefusesTheLiving(LinkedTransport):
    """check() fails while a leg is up."""

    async def check(self, endpoint: str | None) -> None:
        if self._legs:
            raise TransportUnavailable("a leg is there already")
        await super().check(endpoint)


class WaitsForAnAnswer(LinkedTransport):
    """check() waits for ever where nothing listens."""

    async def check(self, endpoint: str | None) -> None:
        if endpoint is not None:
            await asyncio.Event().wait()
        await super().check(endpoint)


# 28


class WaitsWithMutes(LinkedTransport):
    """Reports a mute 250 ms later, in case it is short."""

    class leg_class(LinkedLeg):
        def happened(self, event: LegEvent) -> None:
            if event == MemberUnpublished(2):
                asyncio.get_running_loop().call_later(0.25, super().happened, event)
            else:
                super().happened(event)


# 29


class WaitsForMore(LinkedTransport):
    """The first sound after silence is sent with the frame after it."""

    class leg_class(LinkedLeg):
        quiet = 0
        waiting: AudioFrame | None = None

        def send(self, frame: AudioFrame) -> None:
            waiting, self.waiting = self.waiting, None
            if waiting is not None:
                super().send(waiting)
            loud = level_dbfs(frame.pcm) > -90
            if loud and self.quiet >= 8:
                self.waiting = frame
            else:
                super().send(frame)
            self.quiet = 0 if loud else self.quiet + 1


class DropsWhatWaits(LinkedTransport):
    """The first sound after silence is sent 21 ms later, and dropped if we leave before."""

    class leg_class(LinkedLeg):
        quiet = 0

        def send(self, frame: AudioFrame) -> None:
            loud = level_dbfs(frame.pcm) > -90
            if loud and self.quiet >= 8:
                asyncio.get_running_loop().call_later(0.021, super().send, frame)
            else:
                super().send(frame)
            self.quiet = 0 if loud else self.quiet + 1


# 30


class IsTooQuiet(LinkedTransport):
    """Audio is heard at half of its level."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            half = array("h", [sample // 2 for sample in samples_of(frame.pcm)])
            super().hear(uid, AudioFrame(pcm_of(half), frame.rate_hz, frame.position))


class SwapsBytes(LinkedTransport):
    """Samples are taken for big-endian ones, unless they are silent."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            if self._counts["frames_sent"]:
                samples = samples_of(frame.pcm)
                samples.byteswap()
                frame = AudioFrame(pcm_of(samples), frame.rate_hz, frame.position)
            super().send(frame)


# 31


class ForgetsTheMeantime(LinkedTransport):
    """What happened during an outage is never reported."""

    class leg_class(LinkedLeg):
        def reconnect(self) -> None:
            self._missed.clear()
            super().reconnect()


# 32


class BlocksToJoin(LinkedTransport):
    """join() resolves a name without asyncio."""

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        _block(0.32)
        return await super().join(grant, handler)


class BlocksToRenew(LinkedTransport):
    """renew() waits for its answer without asyncio."""

    class leg_class(LinkedLeg):
        async def renew(self, grant: Grant) -> None:
            _block(0.32)
            await super().renew(grant)


def _block(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.block(seconds)


# 33


class SwallowsTheCancellationOfCheck(LinkedTransport):
    """check() goes on when it is cancelled."""

    async def check(self, endpoint: str | None) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        await super().check(endpoint)


class SwallowsTheCancellationOfRenew(LinkedTransport):
    """renew() takes a cancellation for a lost connection."""

    class leg_class(LinkedLeg):
        async def renew(self, grant: Grant) -> None:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                raise TransportError("the token could not be sent") from None
            await super().renew(grant)


# as in real time


class IsLate(LinkedTransport):
    """Everything is heard 300 ms late, both ways."""

    class leg_class(LinkedLeg):
        def hear(self, uid: int, frame: AudioFrame) -> None:
            asyncio.get_running_loop().call_later(0.3, super().hear, uid, frame)

        def send(self, frame: AudioFrame) -> None:
            self.later = asyncio.get_running_loop().call_later(0.3, super().send, frame)


class Batches(LinkedTransport):
    """Frames are sent five at a time."""

    class leg_class(LinkedLeg):
        def send(self, frame: AudioFrame) -> None:
            self.batch = [*getattr(self, "batch", []), frame]
            if len(self.batch) == 5:
                for each in self.batch:
                    super().send(each)
                self.batch = []


#: Transports that break many clauses on virtual time, where nothing may be late: for a kit that waits as in real time,
#: each with a clause that it breaks and the message.
BROKEN_IN_REAL_TIME: Final[dict[type[LinkedTransport], tuple[str, str]]] = {
    IsLate: (
        "transport-28",
        "audio to us is late: it is heard 300 ms after it was sent; at most 200 ms are allowed (most_delay_s)",
    ),
    Batches: (
        "transport-29",
        "the last frame from us before a pause was not heard: audio must not wait for more audio",
    ),
}


#: For each clause the transports that break it alone, each with the message with which the kit reports it.
BROKEN: Final[dict[str, dict[type[LinkedTransport], str]]] = {
    "transport-1": {
        TakesNoUid: "uid 0 asks the channel to choose a uid, but the channel sees a member with uid 0",
        JoinsSlowly: "did not happen within 5 s: join() returns",
    },
    "transport-2": {
        ReplacedInSilence: "was accepted, and the first leg received LegClosed 0 times",
        RefusesAndPutsOut: "was refused, and the first leg received LegClosed 1 times",
    },
    "transport-3": {
        ExpiredIsInvalid: "a token (expired) has reason 9, but TokenRejected says 8",
        IgnoresARefusal: "the channel refused a token (expired), and join() ignored that: it returned a leg",
    },
    "transport-4": {
        LeavesHalfAJoin: "did not happen within 5 s: the channel sees no member after a join cancelled after 1 turns",
        LeavesATimer: "did not happen within 5 s: cancelled joins leave no task",
        SwallowsCancellation: "join() cancelled after 1 turns of the loop did not raise CancelledError",
    },
    "transport-5": {
        LeavesOnce: "RuntimeError: not in the channel",
        SwallowsTheCancellationOfLeave: "leave() cancelled after 1 turns of the loop did not raise CancelledError",
    },
    "transport-6": {NeverClosed: "check() of a closed transport must raise TransportUnavailable"},
    "transport-7": {
        FirstFrameOpens: "the first frame from us was a loud tone, but the first audio heard has -100 dBFS"
    },
    "transport-8": {
        TakesAnything: "send(AudioFrame(20 ms at 8000 Hz, position 0)) on a leg at 16000 Hz must raise ValueError",
        RefusesAndIsGone: "is not a frame of at most 20 ms at the leg's 1 Hz",
        RefusesShortFrames: "ValueError: the encoder takes 20 ms",
        JittersPositions: "each frame begins where the one before ended, or later",
        HearsOneTalker: "two members talked at once, and member 3 was heard as uid 2",
        CountsFast: "positions of audio that was spoken without a pause jump by 56.25 ms in all: they count samples",
    },
    "transport-9": {HoldsUp: "a frame to us was heard 8.0 ms after it was spoken"},
    "transport-10": {LosesNowAndThen: "are missing after 13 s"},
    "transport-11": {
        Queues: "3.00 s of the audio of an outage of 3 s were heard after it (to us); at most 0.2 s are allowed",
        QueuesALittle: "0.60 s of the audio of an outage of 3 s were heard after it (from us); at most 0.2 s are",
        StaysLate: "audio to us is late after an outage: it is heard 250 ms after it was sent; at most 200 ms are",
        CountsNothing: "counters with lost or dropped in their names grow by the 150 frames",
    },
    "transport-12": {TakesItForAnOutage: "received: [MemberJoined(uid=3), LegDisconnected(reason='')]"},
    "transport-13": {
        SuppressesSilence: "of 25 silent frames to us 0 were heard: silence is audio too",
        TellsPauses: "positions of audio to us jump by 0.000 s over a pause of 1 s: they must jump by 1 s",
    },
    "transport-14": {
        TellsNewsOnly: "events of members who joined before us: received [], expected [MemberJoined(uid=2)",
        TellsTwice: "MemberJoined(uid=4), MemberJoined(uid=2)], expected [",
    },
    "transport-15": {EverybodyQuits: "a member dropped, but [MemberLeft(uid=3, reason=<LeaveReason.QUIT"},
    "transport-16": {
        TimeStandsStill: "jump by 0.02 s over an outage of 3.00 s",
        CountsAnew: "the counter frames_sent fell from ",
    },
    "transport-17": {
        NeverGivesUp: "did not happen within 6 s: the handler receives LegFailed",
        SaysItTwice: "received after LegFailed: [LegClosed(reason='left')]; nothing may follow it",
        FailsWithItsToken: "the reason of LegFailed contains the token: it is written down",
    },
    "transport-18": {SaysNothingBefore: "did not happen within 6 s: the handler receives GrantExpiring"},
    "transport-19": {Deafened: "no audio was heard within 5 s: to us"},
    "transport-20": {
        TooEarly: "times before join() returned",
        TooLate: "0 events and 1 frames arrived after leave() returned",
        ForeignThread: "the handler was called on another thread: use loop.call_soon_threadsafe",
    },
    "transport-21": {LeavesATask: "after 5 joins and leaves there are more than before: {'tasks': 5}"},
    "transport-22": {Crosses: "from one channel, 10 frames and 0 events reached the leg in another"},
    "transport-23": {
        KeepsAThread: "left threads, which keep the process alive: ['kept']",
        Uncancellable: "was still running after 2 s",
    },
    "transport-24": {CountsTwice: "send() accepted 25 frames, but frames_sent grew by 50"},
    "transport-25": {
        ShowsItsGrant: "the grant's token appears in: repr(transport, closed), repr(transport, while a leg is up)",
        LogsItsGrant: "the grant's token appears in: a log record of broken at DEBUG",
        SaysWhichToken: "the grant's token appears in: the arguments of a TokenRejected, the message of a TokenRej",
        NotesItsToken: "the grant's token appears in: a note of a TokenRejected",
        RaisesFromItsRequest: "the grant's token appears in: the arguments of a KeyError, the message of a KeyError",
        HasItsTokenInAVariable: "the grant's token appears in: the variable message of join() (broken_transports.py",
        PrintsItsToken: "the grant's token appears in: stdout",
        NotesItsTokenWhenCancelled: "the grant's token appears in: a note of a CancelledError",
    },
    "transport-26": {KnowsThemAlready: "received MemberJoined("},
    "transport-27": {
        ChecksNothing: "check() accepted http://127.0.0.1:",
        RefusesTheLiving: "check() rejected the far end while a leg was up there: a leg is there already",
        WaitsForAnAnswer: "did not happen within 5 s: check() of http://127.0.0.1:",
    },
    "transport-28": {WaitsWithMutes: "events are late: MemberUnpublished is received after 250 ms; at most 200 ms are"},
    "transport-29": {
        WaitsForMore: "the last frame from us before a pause was not heard: audio must not wait for more audio",
        DropsWhatWaits: "the last frame before leave() was a loud tone, but the loudest audio heard has -100 dBFS",
    },
    "transport-30": {
        IsTooQuiet: "a tone of 400 Hz to us changed its level by -6.0 dB; at most 3 dB are allowed",
        SwapsBytes: "a tone of 400 Hz was sent from us, and what was heard is only partly that tone",
    },
    "transport-31": {ForgetsTheMeantime: "5 published, 6 joined; reported after it: nothing"},
    "transport-32": {
        BlocksToJoin: "join() or leave() blocked the event loop for ",
        BlocksToRenew: "renew() blocked the event loop for ",
    },
    "transport-33": {
        SwallowsTheCancellationOfCheck: "check() was cancelled after 1 turns of the loop and returned, although",
        SwallowsTheCancellationOfRenew: "renew() was cancelled after 1 turns of the loop and raised TransportError",
    },
}
