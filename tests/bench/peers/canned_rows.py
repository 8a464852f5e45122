"""P3 to P5: calls that are made and end at the mock, against answers that other mock servers have ready.

Prism answers an operation of an OpenAPI document, Mockoon a route, moto a request to AWS. None of these does anything;
the mock rings a callee, writes a journal and ends the call. The figure is the time of a request, on eight connections.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.method import progress
from tests.bench.peers.install import npm_command, python_of
from tests.bench.peers.processes import free_port, running
from tests.bench.peers.throughput import per_second
from tests.bench.serving import MOCK, Serving
from tests.bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATH: Final = "/facetime/start-call"
_GRANT: Final = {"appId": "a" * 32, "channelName": "ft_call_0123456789abcdef", "token": "007" + "x" * 200, "uid": 0}
_ANSWER: Final = {"status": "OK", "message": "Call started", "agora": _GRANT}
_COUNTED_S: Final = 2.0
_WARM_S: Final = 1.0
_PAIRS_PER_TURN: Final = 2
_RING_S: Final = 0.05


async def measure_prism(turns: int) -> list[Row]:
    """P3."""
    return await asyncio.to_thread(_measure, "P3", "Prism", prism, turns)


async def measure_mockoon(turns: int) -> list[Row]:
    """P4."""
    return await asyncio.to_thread(_measure, "P4", "Mockoon", mockoon, turns)


async def measure_moto(turns: int) -> list[Row]:
    """P5."""
    return await asyncio.to_thread(_measure, "P5", "moto", moto, turns)


def _measure(name: str, peer: str, command: Callable[[Path, int], Sequence[str]], turns: int) -> list[Row]:
    ratios: list[float] = []
    speeds: dict[str, list[float]] = {"offhook": [], peer: []}
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        request = moto_request(port) if peer == "moto" else canned_request(port)
        with running(command(Path(folder), port), port), Serving(f"POST {_PATH}", ring_s=_RING_S) as serving:
            own_port, own_request = serving.ports[MOCK], serving.requests[MOCK]
            per_second(own_port, own_request, _WARM_S)
            per_second(port, request, _WARM_S)
            for pair in range(turns * _PAIRS_PER_TURN):
                progress(f"requests to {peer}: pair {pair + 1} of {turns * _PAIRS_PER_TURN}")
                speeds["offhook"].append(per_second(own_port, own_request, _COUNTED_S))
                speeds[peer].append(per_second(port, request, _COUNTED_S))
                ratios.append(speeds[peer][-1] / speeds["offhook"][-1])
    mine, theirs = (statistics.median(found) for found in speeds.values())
    return [
        Row(
            id=name,
            what=f"time of a request that starts a call, which rings and ends / of an answer that {peer} has ready",
            value=statistics.median(ratios),
            goal=1,
            turns=ratios,
            note=f"{mine:.0f} against {theirs:.0f} requests per second, each server in a process of its own",
            enforced=False,
        )
    ]


def canned_request(port: int) -> bytes:
    """What Prism and Mockoon are asked."""
    body = json.dumps({"phoneNumber": "+14155550123", "fromNumber": "+18885550199"})
    head = f"POST {_PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}accept: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def moto_request(port: int) -> bytes:
    """What moto is asked: who is calling."""
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    signed = "AWS4-HMAC-SHA256 Credential=key/20261130/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0"
    return (
        f"POST / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: {signed}\r\ncontent-length: {len(body)}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
    ).encode()


def prism(folder: Path, port: int) -> Sequence[str]:
    """The command that starts Prism with a document of one operation."""
    body = {"type": "object", "properties": {"phoneNumber": {"type": "string"}, "fromNumber": {"type": "string"}}}
    operation = {
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {"200": {"description": "ok", "content": {"application/json": {"example": _ANSWER}}}},
    }
    info = {"title": "start-call", "version": "1"}
    document = {"openapi": "3.0.3", "info": info, "paths": {_PATH: {"post": operation}}}
    file = folder / "openapi.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = npm_command("@stoplight/prism-cli", "prism")
    return [str(command), "mock", "--host", "127.0.0.1", "--port", str(port), "--verboseLevel", "silent", str(file)]


def mockoon(folder: Path, port: int) -> Sequence[str]:
    """The command that starts Mockoon with one route."""
    response = {
        "uuid": "00000000-0000-4000-8000-000000000003",
        "default": True,
        "statusCode": 200,
        "headers": [{"key": "Content-Type", "value": "application/json"}],
        "body": json.dumps(_ANSWER),
    }
    route = {
        "uuid": "00000000-0000-4000-8000-000000000002",
        "type": "http",
        "method": "post",
        "endpoint": _PATH.lstrip("/"),
        "responses": [response],
    }
    environment = {
        "uuid": "00000000-0000-4000-8000-000000000001",
        "name": "start-call",
        "port": port,
        "hostname": "127.0.0.1",
        "routes": [route],
        "rootChildren": [{"type": "route", "uuid": route["uuid"]}],
    }
    file = folder / "mockoon.json"
    file.write_text(json.dumps(environment), encoding="utf-8")
    command = npm_command("@mockoon/cli", "mockoon-cli")
    return [str(command), "start", "--data", str(file), "--port", str(port), "--disable-log-to-file", "--repair"]


def moto(folder: Path, port: int) -> Sequence[str]:
    """The command that starts moto's server; it keeps nothing in `folder`."""
    python = python_of("moto", ["moto[server]>=5,<6"])
    return [str(python.with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
