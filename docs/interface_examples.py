"""The smallest working example of each interface, for docs/reference/interfaces.md. A test places a call with all."""

from __future__ import annotations

import asyncio
import json
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from offhook import AudioFrame
from offhook.errors import ConfigError, StorageError, TransportUnavailable
from offhook.interfaces import (
    Archive,
    AudioFilter,
    AudioSink,
    AudioSource,
    Auth,
    Carrier,
    DialGuard,
    DialRequest,
    Grant,
    Leg,
    LegHandler,
    MemberJoined,
    MemberPublished,
    Resampler,
    Store,
    Transport,
)
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook.interfaces import Document, Environment, LegEvent


class ExampleAuth(Auth):
    """One key, from the settings."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def headers(self, host: str) -> Mapping[str, Secret]:
        key = self._environment.get("ACME_KEY")
        if not key:
            raise ConfigError("there is no key: set ACME_KEY")
        return {"authorization": Secret(key)}


class ExampleCarrier(Carrier):
    """Rings no telephone: all its channels are in this process."""

    endpoint = "http://127.0.0.1:9"

    def __init__(self, environment: Environment, auth: Auth) -> None:
        self._ids = environment.ids
        self._auth = auth

    async def check(self) -> None:
        await self._auth.headers("127.0.0.1")

    async def start_call(self, request: DialRequest) -> Grant:
        return Grant("0" * 32, f"acme_{self._ids.hex(8)}", Secret("a token"), 0, self.endpoint)

    async def aclose(self) -> None:
        pass


class ExampleTransport(Transport):
    """Joins channels in which one member sends back everything it hears."""

    rate_hz = 16_000

    async def check(self, endpoint: str | None) -> None:
        if endpoint is None:
            raise TransportUnavailable("this transport cannot join channels of Agora itself")

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        leg = ExampleLeg(handler)
        # Called after this returns, in this order.
        asyncio.get_running_loop().call_soon(leg.tell, MemberJoined(2))
        asyncio.get_running_loop().call_soon(leg.tell, MemberPublished(2))
        return leg

    async def aclose(self) -> None:
        pass


class ExampleLeg(Leg):
    """One of these channels."""

    rate_hz = 16_000

    def __init__(self, handler: LegHandler) -> None:
        self._handler: LegHandler | None = handler
        self._sent = 0

    def tell(self, event: LegEvent) -> None:
        if self._handler is not None:
            self._handler.on_event(event)

    def send(self, frame: AudioFrame) -> None:
        self._sent += 1
        if self._handler is not None:
            self._handler.on_audio(2, frame)

    def counters(self) -> dict[str, int]:
        return {"frames_sent": self._sent}

    async def renew(self, grant: Grant) -> None:
        pass  # tokens are not checked here

    async def leave(self) -> None:
        self._handler = None  # it is not called from here on


class ExampleLegHandler:
    """Keeps events and audio; in a call, offhook uses a handler of its own."""

    def __init__(self) -> None:
        self.events: list[LegEvent] = []
        self.audio: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: LegEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.audio.append((uid, frame))


class ExampleSource(AudioSource):
    """A click track of a number of frames: `clicks:50`."""

    def __init__(self, argument: str) -> None:
        self._frames = int(argument)
        self._position = 0

    async def read(self) -> AudioFrame | None:
        if not self._frames:
            return None
        self._frames -= 1
        frame = AudioFrame(array("h", [20_000] + [0] * 319).tobytes(), 16_000, self._position)
        self._position += frame.samples
        return frame

    async def aclose(self) -> None:
        self._frames = 0


class ExampleSink(AudioSink):
    """Writes raw samples to a file: `raw:heard.pcm`. Silence between frames is not written."""

    def __init__(self, argument: str) -> None:
        try:
            self._file = Path(argument).open("wb")  # noqa: SIM115 - closed in aclose
        except OSError as error:
            raise StorageError(f"{argument} cannot be written: {error.strerror}") from None

    async def write(self, frame: AudioFrame) -> None:
        self._file.write(frame.pcm)

    async def aclose(self) -> None:
        self._file.close()


class ExampleFilter(AudioFilter):
    """Makes audio half as loud."""

    def apply(self, frame: AudioFrame) -> AudioFrame:
        samples = array("h", [sample // 2 for sample in array("h", frame.pcm)])
        return AudioFrame(samples.tobytes(), frame.rate_hz, frame.position)


class ExampleResampler(Resampler):
    """Repeats and leaves out samples: of bad quality, but small and exact in length."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._taken = self._returned = 0

    def convert(self, pcm: bytes) -> bytes:
        samples = array("h", pcm)
        first, self._taken = self._taken, self._taken + len(samples)
        start, self._returned = self._returned, self._taken * self._to_hz // self._from_hz
        places = (max(0, at * self._from_hz // self._to_hz - first) for at in range(start, self._returned))
        return array("h", [samples[place] for place in places]).tobytes()

    def flush(self) -> bytes:
        return b""


class ExampleStore(Store):
    """Writes one file per record and one per journal: `folder:PATH`."""

    def __init__(self, argument: str, environment: Environment) -> None:
        self._folder = Path(argument)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {argument} cannot be created: {error.strerror}") from None

    def append(self, call_id: str, entry: Document) -> None:
        with (self._folder / f"{call_id}.jsonl").open("a") as file:
            file.write(json.dumps(dict(entry)) + "\n")

    def save(self, call_id: str, record: Document) -> None:
        partial = self._folder / f"{call_id}.partial"
        partial.write_text(json.dumps(dict(record)))
        partial.replace(self._folder / f"{call_id}.json")

    def close(self) -> None:
        pass


class ExampleArchive(Archive):
    """Reads the files of `ExampleStore`."""

    def __init__(self, argument: str, environment: Environment) -> None:
        self._folder = Path(argument)

    def records(self, limit: int | None = None) -> Sequence[Document]:
        newest = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [json.loads(path.read_text()) for path in newest[:limit]]

    def record(self, call_id: str) -> Document | None:
        return next((record for record in self.records() if record["call_id"] == call_id), None)

    def journal(self, call_id: str) -> Sequence[Document]:
        path = self._folder / f"{call_id}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        pass


class ExampleGuard(DialGuard):
    """Guards all calls that share this object. For a phone, make it a store as well: `class Both(Store, DialGuard)`."""

    def __init__(self) -> None:
        self._holders: dict[str, tuple[str, float]] = {}  # key → call, and until when it holds

    async def claim(self, key: str, call_id: str, now_s: float, if_killed_s: float = 0.0) -> str | None:
        holder, until_s = self._holders.get(key, ("", 0.0))
        if now_s < until_s:
            return holder
        self._holders[key] = (call_id, float("inf"))
        return None

    async def release(self, key: str, call_id: str, now_s: float, hold_s: float) -> None:
        if self._holders.get(key, ("", 0.0))[0] == call_id:
            self._holders[key] = (call_id, now_s + hold_s)
