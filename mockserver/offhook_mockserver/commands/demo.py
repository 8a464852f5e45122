"""``offhook demo``: a whole call on this machine, shown as it happens.

The mock server and its relay run in a process of their own, as they would in real use. This process is the caller, and
it has only the settings that a program would read from its environment.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook import CallPolicy, Phone
from offhook.cli import CALLEE_HEARD, CallOrder, CallResult, choose, place, print_line, report, run
from offhook.paths import expanded
from offhook.records import open_private
from offhook_mockserver.commands.own_mock import own_mock

if TYPE_CHECKING:
    from collections.abc import Collection

    from offhook.cli import Display, Stop
    from offhook.interfaces import Store
    from offhook.plugin import Plugins


#: A number of the mock's table: the callee answers, listens and replies.
NUMBER = "+14155550123"
SPEECH = Path(__file__).parents[1] / "callees" / "clips"


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
        async with own_mock(stop, printed, "--recordings", recordings) as mock:
            environment = mock.environment

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
