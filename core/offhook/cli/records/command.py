"""``offhook records``: the calls that were written down."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.cli.exit_codes import ExitCode
from offhook.cli.records.export import export
from offhook.cli.records.replay import show_replay
from offhook.cli.records.show import find, show_call, show_list
from offhook.errors import ConfigError
from offhook.plugin.manager import Plugins
from offhook.plugin.spec import named_by
from offhook.records.stores import NO_STORE, STORE_VARIABLE, usual_store

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook.interfaces import Archive

_LIMIT = 20

records: typer.Typer = typer.Typer(
    no_args_is_help=True, help="The calls that were written down: list, show, export, replay."
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="A call's id, or how it begins.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]


@records.callback()
def choose_store(
    context: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Where to look: sqlite, sqlite:PATH, jsonl:DIR. By default OFFHOOK_STORE."),
    ] = None,
) -> None:
    context.obj = store or usual_store(os.environ)


@records.command("list")
def list_command(
    context: typer.Context,
    json: _Json = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="So many at most, the newest.")] = _LIMIT,
) -> None:
    """Show the last calls: when, to whom, what became of them, how long, and their ids."""
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
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which calls; all of them without.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write record-ID.json and journal-ID.jsonl.")
    ] = None,
    json: _Json = False,
) -> None:
    """Write calls to files, or print them as JSON. Recordings are named, not copied."""
    if out is None and not json:
        raise ConfigError("records export: say where to with --out DIR, or --json to print")
    with _archive(context) as archive:
        chosen = [find(archive, call_id) for call_id in call_ids] if call_ids else list(archive.records())
        calls = [(record, archive.journal(str(record["call_id"]))) for record in chosen]
    export(calls, out, as_json=json)


@records.command("replay")
def replay_command(context: typer.Context, call_id: _Id) -> None:
    """Feed a call's journal through the session again, and show why it thought what it thought.

    Exit codes: 0 the session says what the journal says, 1 it does not, 2 there is no such call.
    """
    with _archive(context) as archive:
        record = find(archive, call_id)
        journal = archive.journal(str(record["call_id"]))
    if show_replay(record, journal):
        raise typer.Exit(ExitCode.FAILED)


@contextlib.contextmanager
def _archive(context: typer.Context) -> Generator[Archive]:
    if context.obj == NO_STORE:
        raise ConfigError("no calls are kept: OFFHOOK_STORE is none. Say where to look, for example --store sqlite")
    with named_by(STORE_VARIABLE, os.environ, context.obj):
        archive = Plugins.load().archive(context.obj)
    try:
        yield archive
    finally:
        archive.close()
