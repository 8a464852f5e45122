"""``offhook demo``: a whole call on this machine, shown as it happens.

The mock server and its relay run in a process of their own, as they would in real use. This process is the caller, and
it has only the settings that a program would read from its environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json as json_
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook import CallPolicy, Phone
from offhook.cli import CALLEE_HEARD, CallOrder, CallResult, choose, place, print_line, report, run
from offhook.errors import TransportUnavailable
from offhook.paths import expanded
from offhook.records import open_private
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from offhook.cli import Display, Stop
    from offhook.interfaces import Store
    from offhook.plugin import Plugins


#: A number of the mock's table: the callee answers, listens and replies.
NUMBER = "+14155550123"
SPEECH = Path(__file__).parents[1] / "callees" / "clips"
#: How long the server's process may take to be ready, and to end.
_READY_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 5.0
#: How much is read at a time of what the server prints. A longer line is split.
_PIECE_BYTES = 65_536


def demo(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end, and nothing else.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="DIR", help="A new or empty folder for the files of the call."),
    ] = None,
) -> None:
    """Place a call to a simulated callee, with real speech over real WebRTC, and show it. Needs no account.

    It leaves a folder with what the caller heard, what the callee heard, a stereo mix of both, the record and the
    journal.
    """
    folder = out or _unused_folder()
    if not json:
        print_line(f"calling {NUMBER}, a simulated callee in a mock server on this machine; nothing leaves the machine")
    plugins: Plugins = context.obj
    printed = frozenset(f"offhook: {complaint}" for complaint in plugins.complaints)
    placed = run(lambda stop: _demo(folder, choose(json=json), stop, printed))
    raise typer.Exit(report(placed, as_json=json, out=folder))


def _unused_folder() -> Path:
    """``offhook-demo``, or the first of ``offhook-demo-2``, ``-3``... that does not exist."""
    number = 1
    while (folder := expanded("offhook-demo" if number == 1 else f"offhook-demo-{number}")).exists():
        number += 1
    return folder


async def _demo(folder: Path, display: Display, stop: Stop, printed: Collection[str]) -> CallResult:
    with (
        tempfile.TemporaryDirectory(prefix="offhook-") as recordings,
        stop.last_act(lambda: shutil.rmtree(recordings, ignore_errors=True)),
    ):
        async with _server(Path(recordings), stop, printed) as environment:

            def open_phone(store: Store | None) -> Phone:
                return Phone.from_env(environment, policy=CallPolicy(ring_timeout_s=15), store=store)

            order = CallOrder(
                NUMBER,
                say=(f"wav:{SPEECH / 'greeting.wav'}",),
                quiet_s=1.2,
                for_s=30,
                out=folder,
                files={"callee_heard": CALLEE_HEARD},
            )
            placed = await place(order, open_phone, display, stop)
        _keep(Path(recordings), folder)
    return placed


def _keep(recordings: Path, folder: Path) -> None:
    """Copy what the callee heard to the other files; the recording is complete, because the server has ended."""
    for recording in recordings.glob("*.callee.wav"):
        descriptor = open_private(folder / CALLEE_HEARD, os.O_WRONLY | os.O_EXCL)
        with recording.open("rb") as source, open(descriptor, "wb") as target:  # noqa: PTH123 - a descriptor
            shutil.copyfileobj(source, target)


@contextlib.asynccontextmanager
async def _server(recordings: Path, stop: Stop, printed: Collection[str]) -> AsyncGenerator[dict[str, str]]:
    """Run the mock server in a process of its own; yields the environment that a caller needs to reach it.

    Args:
        recordings: the folder for what callees hear.
        stop: ends the server before this process is ended at once.
        printed: what this process has printed on standard error already; the server says the same about plugins.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "offhook", "mock", "--json", "--recordings", str(recordings)),
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
                    ready = json_.loads(await process.stdout.readline())
            except (TimeoutError, ValueError):
                raise TransportUnavailable("the mock server did not start: run `offhook mock` to see why") from None
            draining = asyncio.create_task(_drain(process.stdout))
            secret = Secret(ready["api_secret"])
            yield {
                "SENDBLUE_API_BASE_URL": ready["url"],
                "SENDBLUE_API_API_KEY": ready["api_key"],
                "SENDBLUE_API_API_SECRET": secret.reveal(),
                "OFFHOOK_FROM_NUMBER": ready["from_number"],
            }
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
