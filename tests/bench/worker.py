"""One measured process: plays a role, takes commands as JSON lines on standard input, and ends when that ends.

Started by `process.Worker`, as ``python tests/bench/worker.py ROLE``. Whatever becomes of the script that started it,
its end of the pipe closes, so that nothing is left behind.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # PYTHONSAFEPATH keeps it out

from tests.bench.method import give_back, usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tests.bench.voice import Voice

#: Each role lives in a module of its own library, so that the bare ones do not load offhook's plugins or the mock.
ROLES: Final = {
    "offhook-relay": "tests.bench.far_offhook:Relay",
    "offhook-webhooks": "tests.bench.far_webhooks:WebhookRelay",
    "webhook-receiver": "tests.bench.far_webhooks:Receiver",
    "offhook-calls": "tests.bench.near_offhook:Calls",
    "offhook-legs": "tests.bench.near_offhook:Legs",
    "offhook-pairs": "tests.bench.near_offhook:Pairs",
    "echo": "tests.bench.round_trip:Echo",
    "janus-packets": "tests.bench.peers.near_janus:JanusPackets",
    "echo-calls": "tests.bench.peers.near_echo:EchoCalls",
    "pipecat-bot": "tests.bench.peers.pipecat_bot:EchoBot",
    "packets": "tests.bench.near_packets:Packets",
    "offhook-direct": "tests.bench.near_direct:Direct",
    "agora-child-calls": "tests.bench.near_agora:ChildCalls",
    "agora-inline-calls": "tests.bench.near_agora:InlineCalls",
    "agora-child-legs": "tests.bench.near_agora:ChildLegs",
    "agora-child-stamps": "tests.bench.near_agora:ChildStamps",
    "agora-inline-stamps": "tests.bench.near_agora:InlineStamps",
    "mock": "tests.bench.mock_calls:MockRole",
    "mock-calls": "tests.bench.mock_calls:MockCalls",
    "aiortc-answerer": "tests.bench.far_aiortc:Answerer",
    "aiortc-relay": "tests.bench.far_aiortc:Relay",
    "aiortc-calls": "tests.bench.near_aiortc:Calls",
    "aiortc-pairs": "tests.bench.near_aiortc:Pairs",
}
#: No role is played for longer, in seconds.
_LIFETIME_S: Final = 120.0


class Role(Protocol):
    """What a worker does.

    Attributes:
        voices: the ends of calls that it holds, in the order in which they were opened.
        commands: what it can be told beside what every worker can.
    """

    voices: Sequence[Voice]
    commands: Mapping[str, Callable[..., Awaitable[object]]]

    async def close(self) -> None:
        """Let go of every call."""
        ...


async def play(role: Role) -> None:
    """Take commands until there are no more."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def read_usage() -> object:
        return dataclasses.asdict(usage(sum(voice.frames for voice in role.voices), len(role.voices)))

    async def read_times() -> object:
        return [voice.take_times() for voice in role.voices]

    async def trim() -> None:
        give_back()

    own = {"usage": read_usage, "times": read_times, "trim": trim, "close": role.close}
    commands = {**own, **role.commands}
    _answer("ready")
    try:
        async with asyncio.timeout(_LIFETIME_S):
            while line := await reader.readline():
                request = json.loads(line)
                _answer(await commands[request["do"]](**request["with"]))
    finally:
        await role.close()


def _answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """Play the role that the command line names."""
    module, _, name = ROLES[sys.argv[1]].partition(":")
    make: Callable[[], Role] = getattr(importlib.import_module(module), name)

    async def run() -> None:
        await play(make())

    asyncio.run(run())


if __name__ == "__main__":
    main()
