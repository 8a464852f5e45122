"""``offhook records``: list, show, export and replay stored calls."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.exit_codes import ExitCode
from offhook.cli.records.export import export
from offhook.cli.records.replay import show_replay
from offhook.cli.records.show import find, show_call, show_list
from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment
from offhook.paths import expanded
from offhook.plugin.manager import Plugins
from offhook.plugin.spec import named_by
from offhook.records.stores import NO_STORE, STORE_VARIABLE, usual_store

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook.interfaces import Archive

_LIMIT = 20

records: typer.Typer = typer.Typer(no_args_is_help=True, help="Stored calls: list, show, export, replay.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of a call, or the beginning of it.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


@records.callback()
def choose_store(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="The store to read: sqlite, sqlite:PATH or jsonl:DIR (default: OFFHOOK_STORE)."
        ),
    ] = None,
) -> None:
    context.obj = store or usual_store(Environment.of_process())


@records.command("list")
def list_command(
    context: typer.Context,
    json: _Json = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show at most N calls, the newest.")] = _LIMIT,
) -> None:
    """List the last calls: when, to whom, how they ended, how long they talked, and their ids."""
    with _archive(context) as archive:
        found = archive.records(limit)
    show_list(found, as_json=json)


@records.command("show")
def show_command(context: typer.Context, call_id: _Id, json: _Json = False) -> None:
    """Show one call: how it went, its recordings, and everything that happened."""
    with _archive(context) as archive:
        record = find(archive, call_id)
        journal = archive.journal(str(record["call_id"]))
    show_call(record, journal, as_json=json)


@records.command("export")
def export_command(
    context: typer.Context,
    call_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The calls to export (default: all).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=expanded, metavar="DIR", help="The folder for record-ID.json and journal-ID.jsonl."),
    ] = None,
    json: _Json = False,
) -> None:
    """Write calls to files, or print them as JSON. Recordings are not copied, only listed."""
    if out is None and not json:
        raise ConfigError("records export needs --out DIR to write files, or --json to print")
    with _archive(context) as archive:
        chosen = [find(archive, call_id) for call_id in call_ids] if call_ids else list(archive.records())
        calls = [(record, archive.journal(str(record["call_id"]))) for record in chosen]
    export(calls, out, as_json=json)


@records.command("replay")
def replay_command(context: typer.Context, call_id: _Id) -> None:
    """Feed the journal of a call through the session again, and show the reason for each state.

    Exit codes: 0 the session agrees with the journal, 1 it does not, 2 the call does not exist.
    """
    with _archive(context) as archive:
        record = find(archive, call_id)
        journal = archive.journal(str(record["call_id"]))
    if show_replay(record, journal):
        raise typer.Exit(ExitCode.FAILED)


@contextlib.contextmanager
def _archive(context: typer.Context) -> Generator[Archive]:
    if context.obj == NO_STORE:
        raise ConfigError(f"{STORE_VARIABLE} is none, so no calls are stored: name a store, for example --store sqlite")
    with named_by(STORE_VARIABLE, Environment.of_process(), context.obj):
        archive = Plugins.load().archive(context.obj)
    try:
        yield archive
    finally:
        archive.close()
