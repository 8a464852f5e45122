"""What the tests of the core share: a phone made of doubles, a callee who acts at set times, and a runner that checks.

Everything runs in virtual time on the real objects, joined by a linked leg.
"""

from __future__ import annotations

import asyncio
import wave
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from offhook import AudioFrame, CallPolicy, Phone
from offhook.interfaces import AudioSink, AudioSource, Resampler
from offhook.interfaces.ids import Ids
from offhook.plugin.hookspecs import hookimpl
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook.testing import (
    FarMember,
    LinkedTransport,
    ListFilter,
    ListSink,
    LoopClock,
    MemoryStore,
    ScriptedCarrier,
    run_virtual,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from offhook.interfaces import Store
    from offhook.plugin.registry import FilterRegistry, ResamplerRegistry, SinkRegistry, SourceRegistry

_T = TypeVar("_T")

NUMBER = "+14155550123"
#: Others, for several calls at once.
NUMBERS = [f"+1415555{index:04d}" for index in range(100, 200)]
RATE_HZ = 16_000
FRAME = RATE_HZ // 50
#: Short timers, each of a length of its own.
POLICY = CallPolicy(setup_timeout_s=10, ring_timeout_s=30, grace_s=5, max_duration_s=60, release_timeout_s=2)
#: The core is tested by itself: whatever is installed beside it stays out.
ALONE = {DISABLE_VARIABLE: "sendblue,agora,aiortc,audio,jsonl,sqlite,mockserver"}


def load(*extra: object) -> Plugins:
    """The given plugins and no others."""
    return Plugins.load(extra, ALONE)


PLAIN = load()


class HoldResampler(Resampler):
    """Repeats or leaves out samples; exact in length, which is all that these tests want of it."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._taken = self._given = 0
        self.flushed = False

    def convert(self, pcm: bytes) -> bytes:
        samples = array("h", pcm)
        start, self._taken = self._taken, self._taken + len(samples)
        first, self._given = self._given, self._taken * self._to_hz // self._from_hz
        indices = (position * self._from_hz // self._to_hz - start for position in range(first, self._given))
        return array("h", [samples[max(0, index)] for index in indices]).tobytes()

    def flush(self) -> bytes:
        self.flushed = True
        return b""


class AudioKit:
    """A plugin with a source, sinks that keep what they get, and resamplers that keep their names."""

    def __init__(self) -> None:
        self.sinks: dict[str, ListSink] = {}
        self.resamplers: list[tuple[str, int, int]] = []

    @hookimpl
    def offhook_audio_source(self, registry: SourceRegistry) -> None:
        registry.add("ramp", lambda argument: RampSource(int(argument)))

    @hookimpl
    def offhook_audio_sink(self, registry: SinkRegistry) -> None:
        registry.add("recorder", lambda argument: self.sinks.setdefault(argument, ListSink()))

    @hookimpl
    def offhook_audio_filter(self, registry: FilterRegistry) -> None:
        registry.add("same", lambda argument, rate_hz: ListFilter())

    @hookimpl
    def offhook_resampler(self, registry: ResamplerRegistry) -> None:
        registry.add("live", lambda from_hz, to_hz: self._resampler("live", from_hz, to_hz))
        registry.add("file", lambda from_hz, to_hz: self._resampler("file", from_hz, to_hz))

    def _resampler(self, kind: str, from_hz: int, to_hz: int) -> Resampler:
        self.resamplers.append((kind, from_hz, to_hz))
        return HoldResampler(from_hz, to_hz)


class RampSource(AudioSource):
    """`samples` samples that count up from 1, in frames of an odd length."""

    def __init__(self, samples: int, *, rate_hz: int = RATE_HZ, frame: int = 237, start: int = 1) -> None:
        self._samples, self._rate_hz, self._frame, self._start = samples, rate_hz, frame, start
        self.read_samples = 0
        self.closed = 0

    async def read(self) -> AudioFrame | None:
        assert not self.closed, "a source is not read after it was closed"
        count = min(self._frame, self._samples - self.read_samples)
        if not count:
            return None
        first = self._start + self.read_samples
        self.read_samples += count
        return AudioFrame(ramp(first, count), self._rate_hz)

    async def aclose(self) -> None:
        self.closed += 1


class StuckSink(ListSink):
    """Takes nothing until `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def write(self, frame: AudioFrame) -> None:
        await self.gate.wait()
        await super().write(frame)


def ramp(first: int, count: int) -> bytes:
    """`count` samples that count up from `first` and start over at 30,000."""
    return array("h", [(first + index) % 30_000 for index in range(count)]).tobytes()


def frame(value: int = 1000, position: int = 0, samples: int = FRAME, rate_hz: int = RATE_HZ) -> AudioFrame:
    """A frame that holds one value."""
    return AudioFrame(array("h", [value] * samples).tobytes(), rate_hz, position)


def joined(frames: list[AudioFrame]) -> bytes:
    """All samples of some frames."""
    return b"".join(item.pcm for item in frames)


def spoken(member: FarMember) -> array[int]:
    """What a member heard, without the silence before and after it."""
    heard = array("h", joined(member.heard))
    sounds = [index for index, sample in enumerate(heard) if sample]
    return heard[sounds[0] : sounds[-1] + 1] if sounds else array("h")


def length(sink: AudioSink) -> int:
    """Samples from a sink's first mark to the furthest position it was passed."""
    assert isinstance(sink, ListSink)
    return max(item.position + item.samples for item in sink.frames) - sink.frames[0].position


def wav_frames(path: Path) -> int:
    """Sample frames of a WAV file, which must be valid."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 2
        frames: int = file.getnframes()
        assert len(file.readframes(frames)) == frames * 4
        return frames


@dataclass
class Rig:
    """A phone and its parts; `callee` is not in the channel yet."""

    carrier: ScriptedCarrier
    transport: LinkedTransport
    store: MemoryStore
    phone: Phone
    callee: FarMember

    def answer(self, at_s: float = 1.0) -> None:
        """The callee answers after `at_s` seconds."""
        later(at_s, self.callee.join)
        later(at_s, self.callee.publish)

    def talk(self, at_s: float, duration_s: float, value: int = 1000) -> None:
        """The callee says frames of one value."""
        for index in range(round(duration_s * 50)):
            later(at_s + index * 0.02, self.callee.say, frame(value, index * FRAME))

    def events(self) -> list[object]:
        """The names of the events in the journal."""
        return [entry["event"] for entry in self.store.journal]


def now() -> float:
    """Seconds since the test began."""
    return asyncio.get_running_loop().time()


def later(delay_s: float, action: Callable[..., object], *arguments: object) -> None:
    """Do something after `delay_s` seconds, without a task."""
    asyncio.get_running_loop().call_later(delay_s, action, *arguments)


def rig(
    *,
    policy: CallPolicy | None = None,
    plugins: Plugins = PLAIN,
    carrier: ScriptedCarrier | None = None,
    transport: LinkedTransport | None = None,
    store: MemoryStore | None = None,
) -> Rig:
    """A phone whose every part is a double."""
    carrier, transport, store = carrier or ScriptedCarrier(), transport or LinkedTransport(), store or MemoryStore()
    phone = Phone(
        carrier=carrier,
        transport=transport,
        store=store,
        policy=policy,
        plugins=plugins,
        clock=LoopClock(),
        ids=Ids(1),
    )
    return Rig(carrier, transport, store, phone, transport.member())


def phone_with(store: Store) -> Rig:
    """As `rig`, with a store of another kind; the rig's own is not used."""
    made = rig()
    made.phone = Phone(
        carrier=made.carrier, transport=made.transport, store=store, plugins=PLAIN, clock=LoopClock(), ids=Ids(1)
    )
    return made


def run(main: Coroutine[object, object, _T]) -> _T:
    """Run in virtual time; nothing may be left behind and nothing may go wrong unnoticed."""

    async def whole() -> _T:
        complaints: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}, "tasks were left behind"
        assert not complaints, complaints
        return result

    return run_virtual(whole())
