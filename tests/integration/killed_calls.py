"""Kills calls. It imports everything once and forks a process for each call, so that a hundred take seconds.

The moments are counted in what a process has done so far, and in milliseconds from there, so that they are spread over
the whole of a call on a slow machine as well.

``killed_calls.py FOLDER SEED COUNT`` prints a JSON line a call: what the process said before it died, and what it left.
Each call runs in real time on the real store and the real recorder, over linked legs.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import select
import signal
import sys
import time
import wave
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from offhook import AudioFrame, Phone
from offhook.plugin.manager import Plugins
from offhook.records.replayed import replay
from offhook.testing import LinkedTransport, ScriptedCarrier
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook.interfaces import DialRequest
    from offhook.interfaces.grant import Grant

NUMBER = "+14155550123"
RATE_HZ = 16_000
SPEECH = b"\x00\x10" * (RATE_HZ // 50)
AT_ONCE = 4
#: Frames after which a call ends by itself.
LONGEST = 80
#: What a child writes into its pipe: the callee was rung; a frame of both sides was handed to the recorder.
RUNG, HEARD = b"r", b"f"


class Telling(ScriptedCarrier):
    """Says that it rings before anybody else can know."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    async def start_call(self, request: DialRequest) -> Grant:
        os.write(self._pipe, RUNG)
        await asyncio.sleep(0.002)
        return await super().start_call(request)


async def call(folder: Path, pipe: int) -> None:
    transport = LinkedTransport()
    callee = transport.member()
    phone = Phone(
        carrier=Telling(pipe),
        transport=transport,
        store=SqliteStore(folder / "calls.db"),
        plugins=Plugins(),
    )
    async with phone, phone.dial(NUMBER, record=folder / "mix.wav"):
        await asyncio.sleep(0.005)
        callee.join()
        callee.publish()
        for _ in range(LONGEST):
            callee.say(AudioFrame(SPEECH, RATE_HZ, len(callee.heard) * len(SPEECH) // 2))
            os.write(pipe, HEARD)
            await asyncio.sleep(0.02)


@dataclass
class Child:
    """One call's process."""

    folder: Path
    pid: int
    pipe: int
    moment: Moment
    said: bytes = field(default=b"")
    ended: bool = False
    #: When it is to be killed, once it has got as far as that.
    killed_at: float = math.inf

    def hear(self, now: float) -> bool:
        """Read what it says; returns whether there may be more."""
        more = os.read(self.pipe, 65_536)
        self.said += more
        if self.killed_at == math.inf and (not more or self.moment.reached(self.said)):
            self.killed_at = now + self.moment.after_s
        return bool(more)


@dataclass(frozen=True)
class Moment:
    """When a call is killed: `after_s` after it has begun, has rung or has handed over so many frames."""

    rung: bool
    frames: int
    after_s: float

    def reached(self, said: bytes) -> bool:
        return said.count(RUNG) >= self.rung and said.count(HEARD) >= self.frames


def moments(chance: random.Random, count: int) -> Iterator[Moment]:
    """Four in ten fall on the first milliseconds, where everything is made; the others anywhere, the end included."""
    for index in range(count):
        if index % 5 < 2:
            yield Moment(rung=index % 5 == 1, frames=0, after_s=chance.uniform(0, 0.03) if index % 10 else 0)
        else:
            yield Moment(rung=True, frames=chance.randint(1, LONGEST), after_s=chance.uniform(0, 0.03))


def start(folder: Path, moment: Moment) -> Child:
    folder.mkdir()
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(call(folder, theirs))
            os._exit(0)
        except BaseException as error:  # nothing of the parent's may run here
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    os.close(theirs)
    child = Child(folder, pid, ours, moment)
    if moment.reached(b""):
        child.killed_at = time.monotonic() + moment.after_s
    return child


def end(child: Child) -> dict[str, object]:
    """Kill it, hear the rest of what it said, and look at what it left, as the next process does."""
    os.kill(child.pid, signal.SIGKILL)
    _, status = os.waitpid(child.pid, 0)
    while more := os.read(child.pipe, 65_536):
        child.said += more
    os.close(child.pipe)
    left: dict[str, object] = {
        "folder": child.folder.name,
        "moment": asdict(child.moment),
        "status": status,
        "rung": RUNG in child.said,
        "frames": child.said.count(HEARD),
        "records": 0,
    }
    recording = child.folder / "mix.wav"
    if recording.exists() and recording.stat().st_size:
        with wave.open(str(recording)) as file:
            left["samples"] = file.getnframes()
            left["whole"] = len(file.readframes(file.getnframes())) == file.getnframes() * 4
    if (child.folder / "calls.db").exists():
        store = SqliteStore(child.folder / "calls.db")
        records = store.records()
        left["records"] = len(records)
        left["interrupted"] = [record["call_id"] for record in store.interrupted()]
        for record in records:
            journal = store.journal(str(record["call_id"]))
            again = replay(journal)
            left |= {"call_id": record["call_id"], "ended_at_s": record.get("ended_at_s"), "files": record["files"]}
            left |= {"entries": len(journal), "differences": again.differences}
        store.close()
    return left


def main(folder: Path, seed: int, count: int) -> None:
    chance = random.Random(seed)
    waiting = list(moments(chance, count))
    children: list[Child] = []
    while waiting or children:
        while waiting and len(children) < AT_ONCE:
            children.append(start(folder / f"call-{len(waiting)}", waiting.pop()))
        soonest = min(child.killed_at for child in children)
        wait_s = None if soonest == math.inf else max(0.0, soonest - time.monotonic())
        ready, _, _ = select.select([child.pipe for child in children if not child.ended], [], [], wait_s)
        for child in tuple(children):
            if child.pipe in ready:
                child.ended = not child.hear(time.monotonic())
            if time.monotonic() >= child.killed_at:
                children.remove(child)
                sys.stdout.write(json.dumps(end(child)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
