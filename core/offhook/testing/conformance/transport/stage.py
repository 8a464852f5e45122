"""What clauses for transports share: an ear, a voice, a pair of our leg and another member, and the stage.

Frames are spoken every 20 ms of loop time, and their positions advance through pauses, as they do in the core.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from offhook.interfaces.frame import PTIME_MS, AudioFrame, level_dbfs, samples_per_frame
from offhook.testing.conformance.tones import tone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from offhook.interfaces import Leg, Transport
    from offhook.interfaces.far_end import ChannelFarEnd, FarMember
    from offhook.interfaces.grant import Grant
    from offhook.session.events import LegEvent


#: The channel that most clauses use, and another.
CHANNEL: Final = "room"
OTHER_CHANNEL: Final = "other_room"
#: Our uid, and that of the other member.
OUR_UID: Final = 7
THEIR_UID: Final = 2
THIRD_UID: Final = 3
PTIME_S: Final = PTIME_MS / 1000
#: Loud, with whole waves in 20 ms, so that frames follow one another without a click.
TONE_HZ: Final = 400
OTHER_TONE_HZ: Final = 1_000
AMPLITUDE: Final = 12_000
#: A frame of the tone has -11 dBFS; a codec leaves nearly all of that.
_LOUD_DBFS: Final = -25.0


class Sound(Enum):
    """What a voice says."""

    TONE = "a tone"
    #: Another one, to tell what was said at one time from what was said at another.
    OTHER_TONE = "another tone"
    SILENCE = "silence"


class Ear:
    """A handler that records what it receives.

    Attributes:
        events: oldest first.
        audio: the frames heard, each with the uid of its speaker before it, oldest first.
        audio_at_s: when each frame arrived, in loop time.
        threads: the ids of the threads on which it was called.
        joined: whether `join` has returned.
        early: the number of calls before `join` returned.
    """

    def __init__(self) -> None:
        self.events: list[LegEvent] = []
        self.audio: list[tuple[int, AudioFrame]] = []
        self.audio_at_s: list[float] = []
        self.threads: set[int] = set()
        self.joined: bool = False
        self.early: int = 0

    def on_event(self, event: LegEvent) -> None:
        self._called()
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self._called()
        self.audio.append((uid, frame))
        # Another thread has no running loop; the clause about threads reports it.
        with contextlib.suppress(RuntimeError):
            self.audio_at_s.append(asyncio.get_running_loop().time())

    def count(self, kind: type[LegEvent]) -> int:
        """The number of events of a class."""
        return sum(isinstance(event, kind) for event in self.events)

    def forget_audio(self) -> None:
        """Forget the audio heard so far."""
        self.audio.clear()
        self.audio_at_s.clear()

    def _called(self) -> None:
        self.threads.add(threading.get_ident())
        self.early += not self.joined


class Voice:
    """A speaker: sends frames of 20 ms with consecutive positions.

    Args:
        say: is called with each frame.
        rate_hz: the rate of the frames.

    Attributes:
        position: the position of the next frame.
        sounds: 20 ms of each sound.
        said_at_s: when each frame was spoken, in loop time.
    """

    def __init__(self, say: Callable[[AudioFrame], None], rate_hz: int) -> None:
        self.position: int = 0
        self.said_at_s: list[float] = []
        self._say = say
        self._rate_hz = rate_hz
        self._samples = samples_per_frame(rate_hz)
        self.sounds: Mapping[Sound, bytes] = {
            Sound.TONE: tone(TONE_HZ, rate_hz, self._samples, AMPLITUDE),
            Sound.OTHER_TONE: tone(OTHER_TONE_HZ, rate_hz, self._samples, AMPLITUDE),
            Sound.SILENCE: bytes(2 * self._samples),
        }

    @property
    def tone(self) -> bytes:
        """20 ms of the tone."""
        return self.sounds[Sound.TONE]

    def speak(self, sound: Sound = Sound.TONE) -> None:
        """Speak for 20 ms."""
        frame = AudioFrame(self.sounds[sound], self._rate_hz, self.position)
        self.position += self._samples
        self.said_at_s.append(asyncio.get_running_loop().time())
        self._say(frame)

    def pause(self, duration_s: float) -> None:
        """Skip the positions of `duration_s`; the caller lets the time itself pass."""
        self.position += round(duration_s / PTIME_S) * self._samples


async def talk(frames: int, *voices: Voice, sound: Sound = Sound.TONE) -> None:
    """Let each voice speak a frame every 20 ms; a late frame is spoken immediately."""
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    for index in range(1, frames + 1):
        for voice in voices:
            voice.speak(sound)
        await asyncio.sleep(max(0.0, start_s + index * PTIME_S - loop.time()))


@dataclass(frozen=True, slots=True)
class Way:
    """The audio of one direction.

    Attributes:
        name: "to us" or "from us".
        said_at_s: when each frame was spoken, in loop time.
        heard: the frames heard.
        heard_at_s: when each frame was heard.
    """

    name: str
    said_at_s: list[float]
    heard: list[AudioFrame]
    heard_at_s: list[float]

    def loud_at_s(self) -> float | None:
        """When the first loud frame was heard, or None."""
        heard = zip(self.heard, self.heard_at_s, strict=False)
        return next((at_s for frame, at_s in heard if level_dbfs(frame.pcm) >= _LOUD_DBFS), None)


@dataclass
class Pair:
    """Our leg in a channel, and another member there who publishes."""

    leg: Leg
    ear: Ear
    member: FarMember
    ours: Voice
    theirs: Voice

    @property
    def heard(self) -> list[AudioFrame]:
        """The frames that we heard from the member."""
        return [frame for uid, frame in self.ear.audio if uid == self.member.uid]

    @property
    def ways(self) -> tuple[Way, Way]:
        """Both directions."""
        return (
            Way("to us", self.theirs.said_at_s, self.heard, self.ear.audio_at_s),
            Way("from us", self.ours.said_at_s, self.member.heard, self.member.heard_at_s),
        )

    def forget_audio(self) -> None:
        """Forget the audio of both directions."""
        self.ear.forget_audio()
        self.member.heard.clear()
        self.member.heard_at_s.clear()
        self.ours.said_at_s.clear()
        self.theirs.said_at_s.clear()


class Times(Protocol):
    """The time limits of a kit, and how it waits."""

    patience_s: float
    rest_s: float

    async def until(self, true: Callable[[], object], what: str, within_s: float | None = None) -> None:
        """Wait until `true()` holds."""
        ...


class Stage:
    """A far end and a transport, for one clause."""

    def __init__(self, kit: Times, far: ChannelFarEnd, transport: Transport) -> None:
        self.kit = kit
        self.far = far
        self.transport = transport

    async def join(
        self, channel: str = CHANNEL, *, uid: int = OUR_UID, grant: Grant | None = None, ear: Ear | None = None
    ) -> tuple[Leg, Ear]:
        """Join with a valid grant, or with `grant`."""
        ear = ear or Ear()
        grant = grant or self.far.grant(channel, uid=uid)
        leg = await self.transport.join(grant, ear)
        ear.joined = True
        return leg, ear

    async def pair(
        self, channel: str = CHANNEL, *, grant: Grant | None = None, ear: Ear | None = None, uid: int = THEIR_UID
    ) -> Pair:
        """Join, let another member join and publish, and wait until audio flows in both directions."""
        leg, ear = await self.join(channel, grant=grant, ear=ear)
        member = self.far.member(channel, uid)
        rate_hz = self.transport.rate_hz
        pair = Pair(leg, ear, member, Voice(leg.send, rate_hz), Voice(member.say, rate_hz))
        member.join()
        member.publish()
        await self.flow(pair)
        return pair

    async def flow(self, pair: Pair) -> None:
        """Talk until audio is heard in both directions, then forget it.

        Raises:
            AssertionError: a direction is silent for the kit's `patience_s`.
        """
        pair.forget_audio()
        for _ in range(math.ceil(self.kit.patience_s / PTIME_S)):
            await talk(1, pair.ours, pair.theirs)
            if pair.heard and pair.member.heard:
                break
        else:
            ways = [way for way, heard in (("to us", pair.heard), ("from us", pair.member.heard)) if not heard]
            raise AssertionError(f"no audio was heard within {self.kit.patience_s:g} s: {', '.join(ways)}")
        await self.rest()
        await self.quiet(pair)
        pair.forget_audio()

    async def quiet(self, pair: Pair) -> None:
        """Wait until no more audio arrives."""
        heard = -1
        while (now := len(pair.heard) + len(pair.member.heard)) != heard:
            heard = now
            await self.rest(2 * PTIME_S)

    async def rest(self, duration_s: float | None = None) -> None:
        """Wait until audio and events on their way have arrived, or for `duration_s`."""
        await asyncio.sleep(self.kit.rest_s if duration_s is None else duration_s)

    async def received(self, ear: Ear, kind: type[LegEvent], within_s: float | None = None) -> None:
        """Wait until the handler received an event of a class."""
        await self.kit.until(lambda: ear.count(kind), f"the handler receives {kind.__name__}", within_s)
