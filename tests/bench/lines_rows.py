"""L1: what the mock's own API costs, against a bare Starlette route on the same server."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.method import progress
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT: Final = Path(__file__).with_name("lines_process.py")
_CONNECTIONS: Final = 8
_ROUNDS: Final = 250
_ROUNDS_PER_TURN: Final = 3
_ANSWER: Final = 4096
ARMS: Final = ("mock", "bare")


async def measure(turns: int) -> list[Row]:
    """L1: for each turn three times 2,000 requests to each arm, one arm after the other."""
    return await asyncio.to_thread(_measure, turns * _ROUNDS_PER_TURN)


def _measure(rounds: int) -> list[Row]:
    progress(f"GET /api/lines: {rounds} turns of {_ROUNDS * _CONNECTIONS} requests")
    spent_us: dict[str, list[float]] = {arm: [] for arm in ARMS}
    with Serving() as serving:
        for arm in ARMS:  # fills the mock's journal, and warms up both
            for _ in range(6):
                serving.spend_us(arm)
        for turn in range(rounds):
            for arm in ARMS if turn % 2 else reversed(ARMS):
                spent_us[arm].append(serving.spend_us(arm))
    ratios = [ours / bare for ours, bare in zip(spent_us["mock"], spent_us["bare"], strict=True)]
    ours, bare = (statistics.median(spent_us[arm]) for arm in ARMS)
    return [
        Row(
            id="L1",
            what="GET /api/lines of the mock",
            value=statistics.median(ratios),
            floor=1.2,
            turns=ratios,
            note=(
                f"{ours:.0f} against {bare:.0f} µs of the server's CPU time a request. In ours: the guard, the keys, an"
                " entry in a journal that is full. In theirs: a bare Starlette route. Both on the mock's server"
            ),
        )
    ]


class Serving:
    """The process with both servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready: Mapping[str, object] = json.loads(self._line())
        keys = "".join(f"{name}: {value}\r\n" for name, value in dict(ready["keys"]).items())  # type: ignore[call-overload]
        self._ports = {arm: int(str(ready[arm])) for arm in ARMS}
        self._requests = {
            arm: f"GET /api/lines HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: */*\r\n{keys}\r\n".encode()
            for arm, port in self._ports.items()
        }

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate(timeout=10)

    def spend_us(self, arm: str, rounds: int = _ROUNDS) -> float:
        """The CPU time that the server spends on a request, in microseconds."""
        connections = [socket.create_connection(("127.0.0.1", self._ports[arm])) for _ in range(_CONNECTIONS)]
        try:
            before_s = self._cpu_s()
            for _ in range(rounds):
                for connection in connections:
                    connection.sendall(self._requests[arm])
                for connection in connections:
                    answer = connection.recv(_ANSWER)
                    while not answer.endswith(b"}"):
                        answer += connection.recv(_ANSWER)
                    assert answer.startswith(b"HTTP/1.1 200"), answer
            return (self._cpu_s() - before_s) / (rounds * _CONNECTIONS) * 1e6
        finally:
            for connection in connections:
                connection.close()

    def _cpu_s(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
