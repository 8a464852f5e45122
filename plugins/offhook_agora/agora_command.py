"""``offhook agora``: fetches Agora's native library, checks the SDK, and tries one live call."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from offhook.cli import ExitCode, print_json, print_line, stream_terminal
from offhook.errors import ConfigError
from offhook.interfaces import Environment, Level
from offhook.paths import expanded
from offhook_agora.diagnosis import findings
from offhook_agora.layout import SDK_VARIABLE, default_folder, shell_path
from offhook_agora.machine import Machine
from offhook_agora.smoke.command import smoke

agora: typer.Typer = typer.Typer(
    name="agora",
    help="Fetch Agora's native library, check Agora's SDK, and try one live call.",
    no_args_is_help=True,
    add_completion=False,
)


@agora.command("fetch")
def fetch_command(
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Fetch this address instead of the one that offhook knows."),
    ] = None,
    archive: Annotated[
        str | None, typer.Option("--zip", metavar="FILE", help="Unpack a zip file that you have, and reach no network.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="Accept only an archive with this hash.")
    ] = None,
    trust_first: Annotated[
        bool,
        typer.Option("--trust-first", help="Accept an archive whose hash is not known, and hold the next one to it."),
    ] = False,
    into: Annotated[
        str | None,
        typer.Option("--into", metavar="DIR", help="Make this folder instead of the one in offhook's own folder."),
    ] = None,
) -> None:
    """Fetch Agora's native library, check it, and put it where offhook finds it.

    Agora publishes no hash for it, so the first fetch needs --sha256 or --trust-first; later ones are held to the hash
    that was written down. Certificates are always verified; SSL_CERT_FILE names others. A fetch that was cut off goes
    on when the command is typed again, and one that fails leaves an earlier folder as it is.

    Exit codes: 0 fetched, 1 the archive or the network is at fault, 2 the arguments, the folder or this machine are.
    """
    from offhook_agora.fetch.progress import make_progress
    from offhook_agora.fetch.provision import Fetch, Order

    for option, value in (("--url", url), ("--zip", archive), ("--sha256", sha256), ("--into", into)):
        if value == "":
            raise ConfigError(f"{option} is empty: leave it out, or check the variable that it is from")
    if url and archive:
        raise ConfigError("--url and --zip exclude each other: pass one of them")
    if sha256 and trust_first:
        raise ConfigError("--sha256 and --trust-first exclude each other: with the hash, nothing has to be trusted")
    environment = Environment.of_process()
    folder = expanded(into).absolute() if into else default_folder(environment)
    order = Order(folder, url or "", expanded(archive).absolute() if archive else None, sha256 or "", trust_first)
    progress = make_progress(stream_terminal(sys.stderr), environment)
    try:
        fetched = Fetch(order, environment, Machine.here(), progress).run()
    finally:
        progress.close()
    print_line(f"sha256 {fetched.sha256}{' (not known before, and written down)' if fetched.trusted else ''}")
    if fetched.checked:
        print_line(f"the library has all {fetched.checked} functions that the installed Python layer looks up")
    else:
        print_line("the Python layer is not installed yet; when it is, type: offhook agora check")
    print_line(f"Agora's native library is in {shell_path(fetched.folder)}")
    if into:
        print_line(f"export {SDK_VARIABLE}={shell_path(fetched.folder)}")
    elif environment.as_written(SDK_VARIABLE):
        print_line(
            f"{SDK_VARIABLE} is set, and the folder that it names counts first: unset it, or fetch into that one"
        )


@agora.command("check")
def check_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check whether calls over Agora can work here: both halves of the SDK, and whether they fit this machine.

    Nothing of the SDK runs in this process, and nothing is downloaded. If nothing is wrong so far, the SDK is loaded in
    a process of its own. Exit codes: 0 nothing is wrong, 1 something is.
    """
    from offhook_agora.proof import prove

    environment = Environment.of_process()
    found = list(findings(environment, Machine.here(), wanted=True, prove=lambda layout: prove(layout, environment)))
    wrong = sum(finding.level is Level.WRONG for finding in found)
    if as_json:
        document = [
            {"topic": finding.subject, "level": finding.level.value, "text": finding.text, "lines": [*finding.lines]}
            for finding in found
        ]
        print_json({"wrong": wrong, "findings": document})
    else:
        for finding in found:
            mark = finding.level.value.upper() if finding.level is Level.WRONG else finding.level.value
            print_line(f"{mark:<6}{finding.subject}: {finding.text}")
            for line in finding.lines:
                print_line(f"        {line}")
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


agora.command("smoke")(smoke)
