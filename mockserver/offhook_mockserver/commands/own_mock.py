"""A mock server in a process of its own, for commands that are the caller themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.cli import print_line
from offhook.errors import TransportUnavailable
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from offhook.cli import Stop


#: How long the server's process may take to be ready, and to end.
_READY_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 5.0
#: How much is read at a time of what the server prints. A longer line is split.
_PIECE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class OwnMock:
    """A mock server in a process of its own.

    Attributes:
        environment: the settings with which a caller reaches it.
        pid: its process.
        control_url: its control API.
        control_token: who shows this may use that.
    """

    environment: dict[str, str]
    pid: int
    control_url: str
    control_token: Secret


@contextlib.asynccontextmanager
async def own_mock(stop: Stop, printed: Collection[str], *options: str) -> AsyncGenerator[OwnMock]:
    """Run a mock server in a process of its own.

    Args:
        stop: ends the server before this process is ended at once.
        printed: what this process has printed on standard error already; the server says the same about plugins.
        options: options of ``offhook mock``.

    Raises:
        TransportUnavailable: the server did not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "offhook", "mock", "--json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # ctrl-C is for the caller, which stops the server after hanging up
    )
    assert process.stdout is not None
    assert process.stderr is not None
    passing_on = asyncio.create_task(_pass_on(process.stderr, printed))
    draining: asyncio.Task[None] | None = None
    with stop.last_act(process.kill):
        try:
            try:
                async with asyncio.timeout(_READY_TIMEOUT_S):
                    ready = json.loads(await process.stdout.readline())
            except (TimeoutError, ValueError):
                raise TransportUnavailable("the mock server did not start: run `offhook mock` to see why") from None
            draining = asyncio.create_task(_drain(process.stdout))
            secret = Secret(ready["api_secret"])
            environment = {
                "SENDBLUE_API_BASE_URL": ready["url"],
                "SENDBLUE_API_API_KEY": ready["api_key"],
                "SENDBLUE_API_API_SECRET": secret.reveal(),
                "OFFHOOK_FROM_NUMBER": ready["from_number"],
            }
            yield OwnMock(environment, process.pid, ready["control_url"], Secret(ready["control_token"]))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
            if draining is not None:
                await draining
            await passing_on


async def _pass_on(stream: asyncio.StreamReader, printed: Collection[str]) -> None:
    """Print what the server prints on standard error, except what this process has printed already."""
    rest = b""
    while piece := await stream.read(_PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _PIECE_BYTES:
            lines, rest = [*lines, rest], b""
        for text in (line.decode(errors="replace") for line in lines):
            if text not in printed:
                print_line(text, sys.stderr)


async def _drain(stream: asyncio.StreamReader) -> None:
    """Read what the server prints, so that the server never blocks on a full pipe."""
    while await stream.read(_PIECE_BYTES):
        pass
