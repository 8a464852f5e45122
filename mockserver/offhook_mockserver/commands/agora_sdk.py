"""``offhook mock agora-sdk``: an SDK folder for programs that use Agora's SDK, with which they join a mock."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli import print_json, print_line, run
from offhook.errors import ConfigError
from offhook.interfaces import Environment
from offhook.paths import expanded
from offhook.wording import quoted_path

if TYPE_CHECKING:
    from offhook_mockserver.agora_sdk.stage import Staged
    from offhook_mockserver.commands.serving import MockOptions

_RELAY = "OFFHOOK_RELAY_URL"
_API = "SENDBLUE_API_BASE_URL"


def agora_sdk_command(
    context: typer.Context,
    into: Annotated[
        Path,
        typer.Option(parser=expanded, metavar="DIR", help="The folder to make: new, empty, or of an earlier run."),
    ],
    sdk: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="Lay out this version of Agora's Python layer. Default: the installed one, or 2.4.10.",
        ),
    ] = "",
    sdist: Annotated[
        Path | None,
        typer.Option(
            parser=expanded, metavar="FILE", help="Lay out your own copy of the source archive; downloads nothing."
        ),
    ] = None,
    sha256: Annotated[
        str, typer.Option(metavar="HEX", help="The hash of the source archive, if the version is not a known one.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")] = False,
) -> None:
    """Make a folder with which programs on Agora's Python SDK join a mock, unchanged and offline.

    It compiles a native library with the system's C compiler. If Agora's Python layer is not installed, it downloads
    the source archive as pip would, checks its hash, and unpacks it, without running its installer.
    It writes to DIR, and keeps a copy of the archive in offhook's data folder; it installs nothing.
    """
    options: MockOptions = context.obj
    if sdk and sdist:
        raise ConfigError("--sdk and --sdist both name the Python layer: leave one of them out")
    staged = run(lambda stop: _stage(into, sdk, sdist, sha256))
    settings = _settings(staged, options.port)
    if json or options.as_json:
        print_json({"folder": str(staged.folder), "sdk": staged.version, "settings": settings})
        return
    _print(staged, settings)


async def _stage(into: Path, sdk: str, sdist: Path | None, sha256: str) -> Staged:
    from offhook_mockserver.agora_sdk.releases import DEFAULT, release
    from offhook_mockserver.agora_sdk.sdist import obtain, read_archive
    from offhook_mockserver.agora_sdk.stage import check_replaceable, installed_package, stage, version_of

    check_replaceable(into)  # before anything is downloaded
    package, archive, version = None, b"", ""
    if sdist is not None:
        found, archive = read_archive(sdist, sha256)
        version = found.version
    elif sdk or (package := installed_package()) is None:
        wanted = release(sdk or DEFAULT, sha256)
        archive, version = await obtain(wanted, on_download=_say), wanted.version
    else:
        version = version_of(package)
    stop = threading.Event()
    try:
        return await asyncio.to_thread(stage, into, package, archive, version, stop)
    finally:
        stop.set()  # for a thread that goes on after ctrl-C


def _say(doing: str) -> None:
    """Say on standard error what takes a while; the settings are on standard output."""
    print_line(f"{doing} ...", sys.stderr)


def _settings(staged: Staged, port: int) -> dict[str, str]:
    """The variables with which a program finds the folder, and the mock if its address is known."""
    settings = {"PYTHONPATH": str(staged.folder), "OFFHOOK_AGORA_SDK": str(staged.folder)}
    environment = Environment.of_process()
    address = environment.get(_RELAY) or environment.get(_API, "")
    if port:
        address = f"http://127.0.0.1:{port}"
    return {**settings, _RELAY: address} if address else settings


def _print(staged: Staged, settings: dict[str, str]) -> None:
    from offhook_mockserver.commands.settings import shell_word

    print_line(f"{quoted_path(staged.folder)}: a native library of the mock's, below Agora's Python layer")
    version = f" {staged.version}" if staged.version else ""
    where = "laid out in it" if staged.folder in staged.package.parents else f"the installed one, {staged.package}"
    print_line(f"Python layer:{version} {where}")
    print_line()
    for name, value in settings.items():
        rest = "${PYTHONPATH:+:$PYTHONPATH}" if name == "PYTHONPATH" else ""
        print_line(f"  export {name}={shell_word(value)}{rest}")
    print_line()
    if _RELAY not in settings:
        print_line(f"Programs find the mock by {_RELAY}, or by {_API}, which `offhook mock` prints.")
