"""``offhook mock``: the mock server as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mock(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Where to listen on 127.0.0.1; 0: any free port.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, for programs.")] = False,
    recordings: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Record what each callee hears to DIR/CHANNEL.callee.wav.")
    ] = None,
) -> None:
    """Run a mock of Sendblue and of the channel behind it, with callees who answer, talk and hang up.

    Then one line for each thing that happens in a call. Ctrl-C stops it: calls are ended and recordings finished. A
    second ctrl-C does not wait for that.
    """
    from offhook.cli.stopping import run
    from offhook_mockserver.server import MockSettings
    from offhook_mockserver.serving import serve

    run(lambda stop: serve(MockSettings(port=port, recordings=recordings), as_json=json))
