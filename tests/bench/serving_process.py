"""Serves two requests twice in one process: a mock, and bare Starlette routes with the same answers.

    python tests/bench/serving_process.py [RING_S]

``GET /api/lines``, and ``POST /facetime/start-call`` to a callee who rings for two seconds, or RING_S, and declines.
It prints ports and keys as one line of JSON. For each line that it reads, it prints the CPU time that it has spent; for
the line ``end`` it first waits until no call is left. It uses only what every version has.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.append(str(Path(__file__).resolve().parents[2]))  # PYTHONSAFEPATH keeps it out

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from offhook.plugin import Plugins
from offhook_mockserver.server import Decline, MockServer, MockSettings, Ring, Script
from offhook_mockserver.server.loop_server import LoopServer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: After this time calls that nobody has joined are given up.
_CALL_S: Final = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
_SCRIPT: Final = Script("rings", (Ring(_CALL_S), Decline()))
_LOOK_S: Final = 0.02
#: As long as a mock's answer.
_GRANT: Final = {"appId": "a" * 32, "channelName": "ft_call_0123456789abcdef", "token": "007" + "x" * 200, "uid": 0}


async def lines(request: Request) -> Response:
    return JSONResponse({"status": "OK", "numbers": ["+18885550199"]})


async def start_call(request: Request) -> Response:
    await request.json()
    return JSONResponse({"status": "OK", "message": "Call started", "agora": _GRANT})


async def main() -> None:
    routes = [Route("/api/lines", lines), Route("/facetime/start-call", start_call, methods=["POST"])]
    bare = LoopServer(Starlette(routes=routes))
    # A mock that is asked as often as it can answer is late, and refuses calls, in versions that know it.
    settings = MockSettings(late_limit_ms=None) if hasattr(MockSettings, "late_limit_ms") else MockSettings()
    async with MockServer(settings, plugins=Plugins(), script_for=lambda number: _SCRIPT) as mock:
        await bare.start()
        tenant = mock.tenant
        tenant.settings.join_window_s = _CALL_S
        keys = {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}
        ready = {"mock": mock.port, "bare": bare.port, "keys": keys, "line": mock.from_number}
        print(json.dumps(ready), flush=True)
        asked = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
        while line := await asked.readline():
            while line == b"end\n" and tenant.calls:
                await asyncio.sleep(_LOOK_S)
            gc.collect()  # what one arm left behind is not counted for the other
            print(time.process_time(), flush=True)
        await bare.stop()


asyncio.run(main())
