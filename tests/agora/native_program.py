"""A program on upstream's Python layer, in this process, over the mock's native library; for tests of that library.

Agora's SDK is loaded once for a process. `OFFHOOK_TEST_AGORA_LIBRARIES` names a folder with another build of the
library, for sanitizers.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import importlib.machinery
import inspect
import os
import ssl
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Grant

LIBRARIES = "OFFHOOK_TEST_AGORA_LIBRARIES"
Event = tuple[Any, ...]


class Sdk:
    """Upstream's modules and the native library.

    Args:
        folder: an SDK folder of the mock's.
    """

    def __init__(self, folder: Path) -> None:
        libraries = Path(os.environ.get(LIBRARIES) or folder / "agora_sdk")
        if "agora" not in sys.modules:
            package = str(folder / "upstream" / "agora")
            parent: Any = types.ModuleType("agora")
            parent.__path__ = [package]
            parent.__spec__ = importlib.machinery.ModuleSpec("agora", None, is_package=True)
            parent.sdk_library_dir = str(libraries)
            parent.sdk_root_dir = parent.sdk_rtc_dir = parent.sdk_rtm_dir = package
            sys.modules["agora"] = parent
        saved = ssl._create_default_https_context
        self.base: Any = importlib.import_module("agora.rtc.agora_base")
        self.service: Any = importlib.import_module("agora.rtc.agora_service")
        ssl._create_default_https_context = saved
        self.observers: dict[str, Any] = {
            "connection": importlib.import_module("agora.rtc.rtc_connection_observer").IRTCConnectionObserver,
            "user": importlib.import_module("agora.rtc.local_user_observer").IRTCLocalUserObserver,
            "audio": importlib.import_module("agora.rtc.audio_frame_observer").IAudioFrameObserver,
        }
        self.library: Any = importlib.import_module("agora.rtc").agora_lib
        self.library.offhook_agora_misuse_count.argtypes = [ctypes.c_char_p]
        self.library.offhook_agora_set_endpoint.argtypes = [ctypes.c_char_p]

    def misuses(self, name: str | None = None) -> int:
        """How often a misuse was noticed; of any kind without a name."""
        count: int = self.library.offhook_agora_misuse_count(name and name.encode())
        return count

    def handles(self) -> int:
        """The objects of the library that are alive."""
        count: int = self.library.offhook_agora_live_handles()
        return count

    def started(self, app_id: str) -> Any:
        """A service that is initialised."""
        service = self.service.AgoraService()
        service.initialize(self.base.AgoraServiceConfig(appid=app_id))
        assert service.inited
        return service


class Program:
    """One connection, with observers that write down what they are called with.

    Args:
        sdk: the SDK.
        service: its service, initialised.
        rate_hz, channels: of the frames that it receives.
        scenario: the name of the audio scenario.
        subscribe: whether it hears everyone.
    """

    def __init__(
        self,
        sdk: Sdk,
        service: Any,
        *,
        rate_hz: int = 16_000,
        channels: int = 1,
        scenario: str = "CHORUS",
        subscribe: bool = True,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: list[Event] = []
        self.frames: list[Any] = []
        self.pcm = bytearray()
        #: Called with the name of a callback and its arguments, on the native thread.
        self.react: Callable[[str, tuple[Any, ...]], object] = lambda name, arguments: None
        #: What a callback returns, by its name.
        self.answers: dict[str, int] = {}
        self._changed = asyncio.Event()
        self.connection = service.create_rtc_connection(
            sdk.base.RTCConnConfig(auto_subscribe_audio=int(subscribe)),
            sdk.base.RtcConnectionPublishConfig(
                audio_scenario=getattr(sdk.base.AudioScenarioType, f"AUDIO_SCENARIO_{scenario}")
            ),
        )
        self.user = self.connection.get_local_user()
        self.connection.register_observer(self._recorder(sdk.observers["connection"]))
        self.connection.register_local_user_observer(self._recorder(sdk.observers["user"]))
        self.user.set_playback_audio_frame_before_mixing_parameters(channels, rate_hz)
        self.connection.register_audio_frame_observer(self._recorder(sdk.observers["audio"]), 0, None)

    def connect(self, grant: Grant, *, uid: int | str | None = None, token: str | None = None) -> int:
        """Join what a grant names."""
        uid_text = str(grant.uid if uid is None else uid)
        result: int = self.connection.connect(grant.token.reveal() if token is None else token, grant.channel, uid_text)
        return result

    async def joined(self, grant: Grant, **more: Any) -> int:
        """Join, publish, and return the uid."""
        assert self.connect(grant, **more) == 0
        self.connection.publish_audio()
        (_, info, _) = await self.first("on_connected")
        return int(info[1])

    def push(self, pcm: bytes, rate_hz: int = 16_000, channels: int = 1) -> int:
        result: int = self.connection.push_audio_pcm_data(bytearray(pcm), rate_hz, channels)
        return result

    def named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event[0] in names]

    async def first(self, name: str, *, after: int = 0) -> Event:
        """Wait for an event, after `after` others of its name."""
        await self.until(lambda: len(self.named(name)) > after, name)
        return self.named(name)[after]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition is true; it is checked after each callback."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} in {self.events}") from None

    async def left(self) -> None:
        """Leave and release."""
        self.connection.disconnect()
        if self.named("on_connecting"):
            await self.until(lambda: bool(self.named("on_disconnected", "on_connection_failure")), "end")
        await self.release()

    async def release(self) -> None:
        await asyncio.to_thread(self.connection.release)

    def _recorder(self, base: Any) -> Any:
        methods = {
            name: self._method(name)
            for name, _ in inspect.getmembers(base, inspect.isfunction)
            if name.startswith("on_") and not name.startswith("on_get")
        }
        return type("Recorder", (base,), methods)()

    def _method(self, name: str) -> Callable[..., int]:
        def called(recorder: object, *arguments: Any) -> int:
            self.react(name, arguments)
            self.loop.call_soon_threadsafe(self._record, name, arguments)
            return self.answers.get(name, 1)

        return called

    def _record(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "on_playback_audio_frame_before_mixing":
            self.frames.append(arguments[3])
            self.pcm += arguments[3].buffer
        else:
            kept = [_shown(argument) for argument in arguments]
            self.events.append((name, *[argument for argument in kept if argument is not None]))
        self._changed.set()


def _shown(argument: Any) -> Any:
    if isinstance(argument, (int, str)):
        return argument
    if isinstance(argument, list):
        return [(entry.user_id, entry.volume) for entry in argument]
    if hasattr(argument, "local_user_id"):
        return (argument.state, argument.local_user_id)
    return None
