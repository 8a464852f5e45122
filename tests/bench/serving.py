"""Asks a mock and bare Starlette routes in one process for the same, and reads what the process has spent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.checkouts import ROOT, imports_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

_SCRIPT: Final = Path(__file__).with_name("serving_process.py")
_CONNECTIONS: Final = 8
_ANSWER: Final = 4096
MOCK, BARE = "mock", "bare"
ARMS: Final = (MOCK, BARE)


class Serving:
    """The process with both servers.

    Args:
        request: the method and the path of what is asked.
        version: the checkout whose mock it runs.
        ring_s: how long a call rings until the callee declines, in seconds.

    Attributes:
        ports: of the servers.
        requests: what is sent to each.
    """

    def __init__(self, request: str, version: Path = ROOT, *, ring_s: float = 2) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), str(ring_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **imports_from(version)},
        )
        ready: Mapping[str, object] = json.loads(self._line())
        keys = "".join(f"{name}: {value}\r\n" for name, value in dict(ready["keys"]).items())  # type: ignore[call-overload]
        body = ""
        if request.startswith("POST"):
            body = json.dumps({"phoneNumber": "+14155550123", "fromNumber": ready["line"]})
            keys += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.ports = {arm: int(str(ready[arm])) for arm in ARMS}
        self.requests = {
            arm: f"{request} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: */*\r\n{keys}\r\n{body}".encode()
            for arm, port in self.ports.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate(timeout=10)

    def spend_us(self, arm: str, rounds: int, *, ends: bool = False) -> float:
        """The CPU time that the server spends on a request, in microseconds.

        Args:
            arm: which server.
            rounds: how often each of eight connections asks.
            ends: whether the end of the calls that were started is in it.
        """
        connections = [socket.create_connection(("127.0.0.1", self.ports[arm])) for _ in range(_CONNECTIONS)]
        try:
            before_s = self._cpu_s(ends=True)
            for _ in range(rounds):
                for connection in connections:
                    connection.sendall(self.requests[arm])
                for connection in connections:
                    answer = connection.recv(_ANSWER)
                    while not answer.endswith(b"}"):
                        answer += connection.recv(_ANSWER)
                    assert answer.startswith(b"HTTP/1.1 20"), answer
            return (self._cpu_s(ends=ends) - before_s) / (rounds * _CONNECTIONS) * 1e6
        finally:
            for connection in connections:
                connection.close()

    def _cpu_s(self, *, ends: bool) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("end\n" if ends else "\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
