"""What ``offhook mock`` does: runs the server until a signal comes, and prints what people and programs need."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

from offhook.clock import iso_8601
from offhook_mockserver.numbers_table import DEFAULT_NUMBER, SPEECH, table
from offhook_mockserver.server import MockServer, MockSettings

if TYPE_CHECKING:
    from offhook_mockserver.calls import CallEvent


async def serve(settings: MockSettings, *, as_json: bool) -> None:
    """Run a server until SIGINT or SIGTERM.

    Args:
        settings: of the server.
        as_json: begin with one JSON line for programs, instead of text for people.

    Raises:
        ConfigError, RecordingError: it cannot listen there, or record there.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with MockServer(settings, on_event=_show) as server:
        _print(_ready_line(server) if as_json else _welcome(server))
        await stop.wait()


def _show(event: CallEvent) -> None:
    _print(f"{iso_8601(event.wall_s)} {event.channel} {event.number} {event.what}")


def _print(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever started us has stopped reading; calls go on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _ready_line(server: MockServer) -> str:
    return json.dumps(
        {
            "url": server.url,
            "port": server.port,
            "pid": os.getpid(),
            # Keys of this mock alone, made when it started; printing them is the point.
            "api_key": server.tenant.api_key.reveal(),
            "api_secret": server.tenant.api_secret.reveal(),
            "from_number": server.from_number,
        }
    )


def _welcome(server: MockServer) -> str:
    return f"""offhook mock listens on {server.url} (this machine only)

  export SENDBLUE_API_BASE_URL={server.url}
  export SENDBLUE_API_API_KEY={server.tenant.api_key.reveal()}
  export SENDBLUE_API_API_SECRET={server.tenant.api_secret.reveal()}
  export OFFHOOK_FROM_NUMBER={server.from_number}

try it, in another terminal, with these set:

  offhook call {DEFAULT_NUMBER} --say wav:{SPEECH / "greeting.wav"}

numbers, and what happens when you call them:

{table()}

ctrl-C stops it. Calls:
"""
