"""An `Engine` over the stand-in of upstream's Python layer, in the process of the test."""

from __future__ import annotations

import atexit
import queue
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.patience import PATIENCE_S

from offhook.secret import Secret
from offhook_agora.child import engine as engine_module
from offhook_agora.child import membership
from offhook_agora.child.engine import Engine
from offhook_agora.child.service import ServiceHolder
from offhook_agora.messages import PROTOCOL, Alive, Audio, Counts, Join, Joined, Ready, Start

if TYPE_CHECKING:
    import pytest

PACKAGE = Path(__file__).parent / "stand_in"
APP_ID = "a" * 32
TOKEN = "007-token-of-the-test"

_M = TypeVar("_M")


def libraries(folder: Path) -> Path:
    """Make a folder that holds what the import guard looks for."""
    folder.mkdir(exist_ok=True)
    if sys.platform == "darwin":
        (folder / "libAgoraRtcKit.dylib").touch()
        return folder
    (folder / "libagora_rtc_sdk.so").touch()
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    loaded = next(line.split()[-1] for line in maps if "/libc.so" in line or "/libc-" in line or "/ld-" in line)
    (folder / "libaosl.so").symlink_to(loaded)
    return folder


class Running:
    """An engine, what it emitted, and the library that it runs on."""

    def __init__(self, start: Start) -> None:
        self.emitted: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.seen: list[Any] = []
        self.audio: list[Audio] = []
        self.taken: list[int] = []
        self.engine = Engine(start, 1, self.emitted.put, taken=self.taken.append)

    @property
    def library(self) -> Any:
        return sys.modules["agora.rtc"].agora_lib

    def until(self, kind: type[_M]) -> _M:
        """Return the next message of this kind; those before it stay in `seen`."""
        while True:
            message = self.emitted.get(timeout=PATIENCE_S)
            if isinstance(message, Audio):
                self.audio.append(message)
            elif not isinstance(message, Alive | Counts):
                self.seen.append(message)
            if isinstance(message, kind):
                return message

    def called(self, name: str) -> None:
        """Wait until the SDK was called."""
        with self.library.called:
            done = self.library.called.wait_for(lambda: name in self.names(), PATIENCE_S)
        assert done, f"{name} was not called: {self.library.calls}"

    def took(self, frames: int, leg: int = 1) -> None:
        """Wait until this number of frames was taken."""
        while leg not in self.engine._legs or self.engine._legs[leg].speech.sent < frames:
            time.sleep(0.001)

    def names(self) -> list[str]:
        return [name for name, _ in self.library.calls]

    def join(self, leg: int = 1, **fields: Any) -> Any:
        """Begin to join; returns the connection once it connects."""
        fields = {"uid": 5, "lead_ms": 0, **fields}
        count = self.names().count("connect")
        self.engine.handle(Join(leg, fields.pop("app_id", APP_ID), "channel", Secret(TOKEN), **fields))
        with self.library.called:
            assert self.library.called.wait_for(lambda: self.names().count("connect") > count, PATIENCE_S)
        return self.library.connections[-1]

    def joined(self, leg: int = 1, **fields: Any) -> Any:
        """Join; returns the connection once audio is published."""
        count = self.names().count("publish_audio")
        connection = self.join(leg, **fields)
        connection.up = True
        native(lambda: connection.observer.on_connected(connection, connection.info(3), 1))
        self.until(Joined)
        self.published(count + 1)
        return connection

    def published(self, count: int) -> None:
        """Wait until audio was published so often, and goes to the connection."""
        with self.library.called:
            assert self.library.called.wait_for(lambda: self.names().count("publish_audio") >= count, PATIENCE_S)
        while not all(it.speech._connection or it._presence.fenced for it in list(self.engine._legs.values())):
            time.sleep(0.001)


def native(call: Any) -> None:
    """Make a callback as native code does, on a thread of its own."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "a callback blocks"


def run_engine(patch: pytest.MonkeyPatch, folder: Path) -> Running:
    """Start an engine with a service of its own; `stop_engine` undoes what that changed in the process."""
    patch.setattr(membership, "_FAILED_S", 0.05)
    patch.setattr(membership, "_COUNTS_S", 0.1)
    holder = ServiceHolder()
    patch.setattr(engine_module, "process_service", holder)
    running = Running(Start(PROTOCOL, str(PACKAGE), str(libraries(folder)), "0"))
    running.until(Ready)
    return running


def stop_engine(running: Running) -> None:
    for event in running.library.hanging.values():
        event.set()
    assert running.engine.stop(PATIENCE_S)
    holder: ServiceHolder = vars(engine_module)["process_service"]
    assert holder.release()
    atexit.unregister(holder.release)
    forget_sdk()


def forget_sdk() -> None:
    for name in [name for name in sys.modules if name == "agora" or name.startswith("agora.")]:
        del sys.modules[name]
