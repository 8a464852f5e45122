"""Serves ``GET /api/lines`` twice in one process: a mock's, and a bare Starlette route with the same answer.

Prints the ports and the keys as one line of JSON; then, for each line that it reads, the CPU time that it has spent.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # PYTHONSAFEPATH keeps it out

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from offhook.plugin import Plugins
from offhook_mockserver.server import MockServer
from offhook_mockserver.server.loop_server import LoopServer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def lines(request: Request) -> Response:
    return JSONResponse({"status": "OK", "numbers": ["+18885550199"]})


async def main() -> None:
    bare = LoopServer(Starlette(routes=[Route("/api/lines", lines)]))
    async with MockServer(plugins=Plugins()) as mock:
        await bare.start()
        tenant = mock.tenant
        keys = {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}
        print(json.dumps({"mock": mock.port, "bare": bare.port, "keys": keys}), flush=True)
        asked = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
        while await asked.readline():
            gc.collect()  # what one arm left behind is not counted for the other
            print(time.process_time(), flush=True)
        await bare.stop()


asyncio.run(main())
