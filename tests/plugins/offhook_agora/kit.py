"""What tests of the transport agora share: a phone's end over a child that is a double."""

from __future__ import annotations

import asyncio
import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S

from offhook.interfaces import AudioFrame, Environment, Grant
from offhook.secret import Secret
from offhook_agora.child_host import ChildHost
from offhook_agora.layout import SdkLayout, place_sdk
from offhook_agora.machine import Machine
from offhook_agora.marker import Marker, write_marker
from offhook_agora.transport import AgoraTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from offhook.interfaces import LegEvent
    from offhook_agora.settings import Settings

APP_ID = "a" * 32
RATE_HZ = 16_000
MAIN = "tests.plugins.offhook_agora.double"


class Ear:
    """Keeps what a leg reports."""

    def __init__(self) -> None:
        self.events: list[LegEvent] = []
        self.audio: list[tuple[int, AudioFrame]] = []

    def on_event(self, event: LegEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        self.audio.append((uid, frame))


def sdk_folder(folder: Path, kind: str = "mock") -> Path:
    """A folder that looks like that of an SDK; its files are empty."""
    (folder / "upstream/agora/rtc").mkdir(parents=True)
    (folder / "upstream/agora/rtc/agora_service.py").touch()
    (folder / "agora_sdk").mkdir()
    for name in Machine.here().needed_libraries:
        (folder / "agora_sdk" / name).touch()
    write_marker(folder, Marker("mock" if kind == "mock" else "agora", "2.4.10"))
    return folder


def find(environment: Environment) -> SdkLayout:
    """Find the SDK, without looking into its libraries."""
    return place_sdk(environment, Machine.here())


class Doubles:
    """Makes hosts whose child is the double.

    Args:
        how: how the child misbehaves when it starts; the name of its folder of libraries.
        limits: those of `ChildHost`.
    """

    def __init__(self, how: str = "starts", limits: Mapping[str, float] = MappingProxyType({})) -> None:
        self.how = how
        self.limits = limits
        self.hosts: list[ChildHost] = []

    def __call__(self, layout: SdkLayout, settings: Environment, starts: asyncio.Lock) -> ChildHost:
        fake = SdkLayout(layout.package, layout.libraries / self.how, layout.version, layout.kind)
        self.hosts.append(ChildHost(fake, settings, starts, main=MAIN, **self.limits))
        return self.hosts[-1]

    @property
    def pid(self) -> int:
        """The process id of the newest child."""
        return self.hosts[-1].pid


@contextlib.asynccontextmanager
async def transport(
    folder: Path,
    doubles: Doubles | None = None,
    *,
    kind: str = "agora",
    variables: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[AgoraTransport]:
    """A transport over doubles, closed at the end."""
    place = sdk_folder(folder / "sdk", kind)
    environment = Environment({"OFFHOOK_AGORA_SDK": str(place), **(variables or {})})
    made = AgoraTransport(environment, settings=settings, find=find, make_host=doubles or Doubles())
    try:
        yield made
    finally:
        await made.aclose()


def grant(channel: str = "room", *, uid: int = 0, token: str = "007-token-of-a-test", app_id: str = APP_ID) -> Grant:
    return Grant(app_id, channel, Secret(token), uid)


def frame(position: int = 0, value: int = 1000) -> AudioFrame:
    return AudioFrame(value.to_bytes(2, "little") * (RATE_HZ // 50), RATE_HZ, position)


async def until(true: Callable[[], object], what: str) -> None:
    """Wait until `true()` holds."""
    loop = asyncio.get_running_loop()
    limit_s = loop.time() + PATIENCE_S
    while not true():
        assert loop.time() < limit_s, f"did not happen within {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0.005)
