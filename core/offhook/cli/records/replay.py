"""A journal fed through the session again, for people: what each event did, on what evidence, and which timers ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from offhook.errors import ConfigError
from offhook.records.replay import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document
    from offhook.records.replay import ReplayedEntry


def show_replay(record: Document, journal: Sequence[Document]) -> int:
    """Print the replay; gives the number of entries where the session says something else than the journal.

    Raises:
        ConfigError: the call has no journal.
        OffhookError: what it has is none.
    """
    if not journal:
        raise ConfigError(f"the call {record['call_id']} has no journal, so there is nothing to replay")
    result = replay(journal)
    policy = result.policy
    typer.echo(f"{record['call_id']} to {record.get('number')}, dialled {record.get('dialed_at')}")
    typer.echo(f"  answer policy {policy.answer.value}; ring {policy.ring_timeout_s:g} s, grace {policy.grace_s:g} s\n")
    for entry in result.entries:
        _show(entry)
    typer.echo()
    if not result.ended:
        typer.echo("the journal stops before the end of the call")
    if result.differences:
        typer.echo(f"{result.differences} of {len(journal)} entries differ from what the session says now")
    else:
        typer.echo(f"the session says the same as the journal, {len(journal)} entries")
    return result.differences


def _show(entry: ReplayedEntry) -> None:
    typer.echo(f"{entry.at_s:8.3f} s  {entry.name} {entry.detail}".rstrip())
    if entry.step is not None and entry.step.changed:
        evidence, grade = entry.step.evidence, entry.step.grade
        why = f"{evidence.text} ({grade.value})" if evidence and grade else "no evidence"
        typer.echo(f"            call {entry.call.name}, leg {entry.leg.value}: {why}")
    elif entry.is_event:
        typer.echo("            changes neither state")
    else:
        typer.echo("            a note: the session does not see it")
    if entry.deadlines:
        timers = ", ".join(f"{timer.value} at {at_s:.3f} s" for timer, at_s in entry.deadlines)
        typer.echo(f"            timers: {timers}")
    for difference in entry.differences:
        typer.echo(f"            DIFFERS: {difference}")
