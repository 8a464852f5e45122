"""Our side of offhook's calls: whole calls of a `Phone`, bare legs, and pairs of legs through the relay."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from tests.bench.voice import FRAMES_PER_S, Voice

from offhook import LoadPolicy, Phone
from offhook.interfaces import AudioSource, Carrier
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.grant import Grant
from offhook.media.pacer import Pacer
from offhook.plugin.manager import Plugins
from offhook.secret import Secret
from offhook_aiortc.transport import AiortcTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.bench.process import Place

    from offhook import Call
    from offhook.interfaces import DialRequest, Leg, Transport
    from offhook.session.events import LegEvent

RATE_HZ: Final = 16_000
#: What is measured must not be refused on a busy machine.
UNLIMITED: Final = LoadPolicy(late_limit_ms=None, busy_limit_percent=None)
_FRAME_SAMPLES: Final = RATE_HZ // FRAMES_PER_S


def _grant(place: Place, uid: int = 1) -> Grant:
    fields: Any = place  # it came as JSON, from far_offhook.Relay.open
    return Grant(fields["app_id"], fields["channel"], Secret(fields["tokens"][uid - 1]), uid, fields["url"])


def paced(voice: Voice, send: Callable[[AudioFrame], None]) -> Pacer:
    """A pacer that sends what `voice` says."""
    return Pacer(
        asyncio.get_running_loop(), lambda index: send(AudioFrame(voice.say(index), RATE_HZ, index * _FRAME_SAMPLES))
    )


class Calls:
    """Whole calls: carrier, session, pacer, playout and listener, as an application has them.

    Commands: `open` calls that talk and listen, `set_up` one after the other and time them.
    """

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {"open": self.open, "set_up": self.set_up}
        self._calls: list[Call] = []
        self._listeners: list[asyncio.Task[None]] = []
        self._phone: Phone | None = None

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Place calls. Timed ones speak as a live source, frame by frame; others as a file, read ahead."""
        self._phone = self._phone_to(places)
        for number in range(len(places)):
            voice = Voice(RATE_HZ, timed=timed)
            self.voices.append(voice)
            call = await self._phone.dial(number_of(number)).__aenter__()
            self._calls.append(call)
            await call.answered()
            phase_s = (number + 0.5) / len(places) / FRAMES_PER_S
            call.play(_live(voice, phase_s) if timed else _File(voice))
            self._listeners.append(asyncio.create_task(_listen(call, voice)))

    async def set_up(self, *, place: Place, calls: int) -> list[float]:
        """Milliseconds from dialling to being in the channel, hung up in between."""
        times: list[float] = []
        async with self._phone_to([place] * calls) as phone:
            for number in range(calls):
                start_s = time.monotonic()
                async with phone.dial(number_of(number)):
                    times.append((time.monotonic() - start_s) * 1000)
        return times

    async def close(self) -> None:
        """Hang up."""
        if self._phone is not None:
            await self._phone.aclose()
        if self._listeners:
            await asyncio.wait(self._listeners)
        self._calls.clear()
        self._listeners.clear()
        self.voices.clear()
        self._phone = None

    def transport(self) -> Transport:
        """What its phones join with."""
        return AiortcTransport()

    def _phone_to(self, places: list[Place]) -> Phone:
        return Phone(carrier=_Grants(places), transport=self.transport(), plugins=Plugins(), load_policy=UNLIMITED)


class _Grants(Carrier):
    """Has nobody to ring: gives one grant after the other."""

    def __init__(self, places: list[Place]) -> None:
        self._left = [_grant(place) for place in reversed(places)]
        self.endpoint = self._left[0].endpoint

    async def check(self) -> None:
        pass

    async def start_call(self, request: DialRequest) -> Grant:
        return self._left.pop()

    async def aclose(self) -> None:
        pass


class _File(AudioSource):
    """Audio that is there already."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._index = 0

    async def read(self) -> AudioFrame | None:
        self._index += 1
        return AudioFrame(self._voice.say(self._index - 1), RATE_HZ)

    async def aclose(self) -> None:
        pass


async def _live(voice: Voice, phase_s: float) -> AsyncIterator[AudioFrame]:
    """Audio that comes as it is made, each frame when it is due; `phase_s` sets it off from the call's pacer."""
    start_s, index = time.monotonic() + phase_s, 0
    await asyncio.sleep(phase_s)
    while True:
        yield AudioFrame(voice.say(index), RATE_HZ)
        index += 1
        await asyncio.sleep(max(0.0, start_s + index / FRAMES_PER_S - time.monotonic()))


async def _listen(call: Call, voice: Voice) -> None:
    async for frame in call.audio():
        voice.hear(frame.pcm)


def number_of(index: int) -> str:
    """Whom call `index` dials."""
    return f"+1415555{index:04d}"


class _LegEar:
    """A leg's handler."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice

    def on_event(self, event: LegEvent) -> None:
        pass

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self._voice.hear(frame.pcm)


class Legs:
    """Bare legs, with nothing between the frame and the transport. One in each channel.

    Commands: `open`, `set_up`, and `drop`, which loses the next packet of each leg.
    """

    uids: tuple[int, ...] = (1,)

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {
            "open": self.open,
            "set_up": self.set_up,
            "drop": self.drop,
        }
        self.legs: list[Leg] = []
        self._pacers: list[Pacer] = []
        self._to_drop: set[int] = set()

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Join each channel, with as many legs as this role has uids."""
        count = len(places) * len(self.uids)
        for place in places:
            for uid in self.uids:
                voice = Voice(RATE_HZ, timed=timed)
                number = len(self.voices)
                self.voices.append(voice)
                leg = await self.transport(number).join(_grant(place, uid), _LegEar(voice))
                pacer = paced(voice, leg.send)
                self.legs.append(leg)
                self._pacers.append(pacer)
                asyncio.get_running_loop().call_later(number / count / FRAMES_PER_S, pacer.start)

    async def set_up(self, *, place: Place, calls: int) -> list[float]:
        """Milliseconds that `Transport.join` takes; left in between."""
        times: list[float] = []
        transport = self.transport(0)
        for _ in range(calls):
            start_s = time.monotonic()
            leg = await transport.join(_grant(place), _LegEar(Voice(RATE_HZ, timed=False)))
            times.append((time.monotonic() - start_s) * 1000)
            await leg.leave()
        return times

    async def drop(self) -> None:
        """Lose the next packet of each leg."""
        self._to_drop.update(range(len(self.legs)))

    async def close(self) -> None:
        """Leave."""
        for pacer in self._pacers:
            pacer.stop()
        for leg in self.legs:
            await leg.leave()
        self.legs.clear()
        self._pacers.clear()
        self.voices.clear()

    def transport(self, leg: int) -> Transport:
        """What a leg joins with."""
        return AiortcTransport(drop=self._drop_for(leg))

    def _drop_for(self, leg: int) -> Callable[[int], bool]:
        def drop(_: int) -> bool:
            wanted = leg in self._to_drop
            self._to_drop.discard(leg)
            return wanted

        return drop


class Pairs(Legs):
    """Two legs in each channel: the relay forwards between them."""

    uids = (1, 2)
