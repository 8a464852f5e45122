"""E1: how long after it happened an event reaches a client of the control API's stream, while calls are up.

In turns with the events, the mock's process writes lines to a bare TCP connection: the least that a stream costs there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.method import SETTLE_S, middle, percentile, ratio, take_turns
from tests.bench.process import Worker
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.bench.process import Place

CALLS: Final = 10
#: Not a divisor of a frame, so that events happen at all places between two frames.
_PAUSE_S: Final = 0.007
_EVENTS: Final = 400
_LINE_BYTES: Final = 64 * 1024
OURS: Final = "events"


@dataclass(frozen=True, slots=True)
class Streamed:
    """One turn.

    Attributes:
        delays_ms: from the making of each event until the client had read it.
        bare_ms: the same of the bare connection.
        rates: frames that the calls received, per second and call: a stream must not harm audio.
    """

    delays_ms: list[float]
    bare_ms: list[float]
    rates: list[float]


async def run(calls: int = CALLS, events: int = _EVENTS) -> Streamed:
    """Stream events while calls are up."""
    async with contextlib.AsyncExitStack() as stack:
        far = await stack.enter_async_context(Worker.playing("mock"))
        near = await stack.enter_async_context(Worker.playing("mock-calls"))
        places = await far.places(calls=calls)
        await near.ask("open", places=places, timed=False)
        await asyncio.sleep(SETTLE_S)
        reader = await stack.enter_async_context(_stream(places[0]))
        bare = await stack.enter_async_context(_connection(int(str(places[0]["bare_port"]))))
        before = await near.usage()
        reading = asyncio.gather(_read(reader, events), _read(bare[0], events))
        await far.ask("note", count=events, pause_s=_PAUSE_S)
        after = await near.usage()
        return Streamed(*await reading, [after.rate(before)])


@contextlib.asynccontextmanager
async def _connection(port: int) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to this machine, without a client library whose time would be measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LINE_BYTES)
    try:
        yield reader, writer
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def _stream(place: Place) -> AsyncGenerator[asyncio.StreamReader]:
    """The stream of the mock's notes."""
    async with _connection(int(str(place["port"]))) as (reader, writer):
        writer.write(
            "GET /mock/v1/tenants/default/events?kind=note HTTP/1.1\r\n"
            f"host: 127.0.0.1:{place['port']}\r\nauthorization: Bearer {place['token']}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        yield reader


async def _read(reader: asyncio.StreamReader, events: int) -> list[float]:
    delays_ms: list[float] = []
    while len(delays_ms) < events:
        line = await reader.readline()
        read_s = time.monotonic()
        if line.startswith(b"data: "):
            delays_ms.append((read_s - json.loads(line[6:])["fields"]["happened_s"]) * 1000)
        elif not line:
            raise RuntimeError("the stream has ended")
    return delays_ms


async def measure(turns: int) -> list[Row]:
    """E1 and its median, from the same turns."""
    taken = await take_turns(f"events, {CALLS} calls", {OURS: run}, turns)

    def row(id: str, share: float, floor: float | None) -> Row:
        def delay(streamed: Streamed) -> float:
            return percentile(streamed.delays_ms, share)

        def bare(streamed: Streamed) -> float:
            return percentile(streamed.bare_ms, share)

        values = taken.each(lambda arms: ratio(delay(arms[OURS]), bare(arms[OURS])))
        events = sum(len(streamed.delays_ms) for streamed in taken.all_of(OURS))
        return Row(
            id=id,
            what=f"an event of the control stream, from its making to its client, {CALLS} calls up / a line over TCP, "
            + ("median" if share == 0.5 else f"p{share * 100:.0f}"),
            value=middle(values),
            floor=floor,
            turns=values,
            void=taken.void,
            note=(
                f"{taken.median_of(OURS, delay):.2f} against {taken.median_of(OURS, bare):.2f} ms, {events} events;"
                " mock, calls and client in three processes; void if the calls lose audio"
            ),
        )

    return [row("E1", 0.99, 5), row("E1.median", 0.5, None)]
