"""What a call leaves can be opened by its owner alone, whatever the umask is."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

import pytest

from offhook.cli.call.folder import CallFolder
from offhook.cli.records.export import export
from offhook.interfaces import AudioFrame
from offhook.media.stereo_recorder import StereoRecorder
from offhook.plugin import Plugins
from offhook_mockserver.server import InProcessMock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORD = {"number": "+1415•••0123", "dialed_at": "2026-01-01T00:00:00Z"}


@pytest.fixture(params=[0o000, 0o777], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """The laxest umask, and the one that takes everything away."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def write(store: str) -> None:
    opened = Plugins.load().store(store)
    opened.append("call_1", {"event": "Dialed"})
    opened.save("call_1", RECORD)
    opened.save("call_1", RECORD)  # the second replaces the first


def jsonl(folder: Path) -> None:
    write(f"jsonl:{folder / 'calls'}")


def sqlite(folder: Path) -> None:
    write(f"sqlite:{folder / 'data' / 'calls.db'}")  # left open, so that its log is there


def recorder(folder: Path) -> None:
    sink = Plugins.load().sink(f"recorder:{folder / 'heard-*.wav'}")
    asyncio.run(sink.write(AudioFrame(bytes(640), 16_000)))


def mix(folder: Path) -> None:
    StereoRecorder(folder / "mix.wav", 16_000)


def out(folder: Path) -> None:
    CallFolder(folder / "calls" / "first")


def exported(folder: Path) -> None:
    export([({**RECORD, "call_id": "call_1"}, [{"event": "Dialed"}])], folder / "exported" / "calls", as_json=True)


def recordings(folder: Path) -> None:
    async def main() -> None:
        async with InProcessMock(recordings=folder / "recordings" / "today"):
            pass

    asyncio.run(main())


@pytest.mark.parametrize("make", [jsonl, sqlite, recorder, mix, out, exported, recordings])
def test_only_its_owner_can_open_it(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    made = list(tmp_path.rglob("*"))
    assert made
    wrong = {
        path.name: oct(mode)
        for path in made
        if (mode := stat.S_IMODE(path.stat().st_mode)) != (0o700 if path.is_dir() else 0o600)
    }
    assert wrong == {}
    if make is sqlite:
        assert {"calls.db", "calls.db-wal", "calls.db-shm", "live"} <= {path.name for path in made}
