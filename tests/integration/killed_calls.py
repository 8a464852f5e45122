"""Kills calls. It imports everything once and forks a process for each call, so that a hundred take seconds.

``killed_calls.py FOLDER SEED COUNT`` prints a JSON line a call: what the process said before it died, and what it left.
Each call runs in real time on the real store and the real recorder, over linked legs.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from offhook import AudioFrame, CallPolicy, Phone
from offhook.plugin.manager import Plugins
from offhook.records.replay import replay
from offhook.testing import LinkedTransport, ScriptedCarrier
from offhook_sqlite.store import SqliteStore

if TYPE_CHECKING:
    from offhook.interfaces import DialRequest
    from offhook.interfaces.grant import Grant

NUMBER = "+14155550123"
RATE_HZ = 16_000
SPEECH = b"\x00\x10" * (RATE_HZ // 50)
AT_ONCE = 4
LONGEST_S = 1.8
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
        policy=CallPolicy(max_duration_s=LONGEST_S),
        plugins=Plugins(),
    )
    async with phone, phone.dial(NUMBER, record=folder / "mix.wav") as going:
        await asyncio.sleep(0.005)
        callee.join()
        callee.publish()
        while not going.over:
            callee.say(AudioFrame(SPEECH, RATE_HZ, len(callee.heard) * len(SPEECH) // 2))
            os.write(pipe, HEARD)
            await asyncio.sleep(0.02)


@dataclass
class Child:
    """One call's process."""

    folder: Path
    pid: int
    pipe: int
    killed_at: float
    after_s: float
    said: bytes = field(default=b"")


def start(folder: Path, after_s: float) -> Child:
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
    return Child(folder, pid, ours, time.monotonic() + after_s, after_s)


def end(child: Child) -> dict[str, object]:
    """Kill it, hear the rest of what it said, and look at what it left, as the next process does."""
    os.kill(child.pid, signal.SIGKILL)
    _, status = os.waitpid(child.pid, 0)
    while more := os.read(child.pipe, 65_536):
        child.said += more
    os.close(child.pipe)
    left: dict[str, object] = {
        "folder": child.folder.name,
        "after_s": child.after_s,
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
    waits = [chance.uniform(0, 0.05) if chance.random() < 0.4 else chance.uniform(0, LONGEST_S) for _ in range(count)]
    children: list[Child] = []
    while waits or children:
        while waits and len(children) < AT_ONCE:
            children.append(start(folder / f"call-{len(waits)}", waits.pop()))
        soonest = min(child.killed_at for child in children)
        ready, _, _ = select.select([child.pipe for child in children], [], [], max(0.0, soonest - time.monotonic()))
        for child in tuple(children):
            if child.pipe in ready:
                child.said += os.read(child.pipe, 65_536)
            if time.monotonic() >= child.killed_at:
                children.remove(child)
                sys.stdout.write(json.dumps(end(child)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
