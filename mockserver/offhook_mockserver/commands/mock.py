"""``offhook mock``: the mock server as a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.paths import expanded

if TYPE_CHECKING:
    from offhook.cli import Stop


def mock(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Where to listen on 127.0.0.1; 0: any free port.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, for programs.")] = False,
    recordings: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="DIR", help="Record what each callee hears to DIR/CHANNEL.callee.wav."),
    ] = None,
) -> None:
    """Run a mock of Sendblue and of the channel behind it, with callees who answer, talk and hang up.

    While it runs, it prints one line for each event of a call. Ctrl-C stops it: it ends the calls and finishes their
    recordings. A second ctrl-C does not wait for that. Without --json, it prints what stopped it to standard error.
    """
    from offhook.cli import run
    from offhook_mockserver.commands.serving import serve
    from offhook_mockserver.server.socket_server import MockSettings

    async def serve_and_report(stop: Stop) -> None:
        calls = await serve(MockSettings(port=port, recordings=recordings), as_json=json)
        if stop.code is not None and not json:
            ended = "1 call" if calls == 1 else f"{calls} calls"
            typer.echo(f"offhook mock: stopped by {stop.signal_name}, {ended} ended", err=True)

    run(serve_and_report)
