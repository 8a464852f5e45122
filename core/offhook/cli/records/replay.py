"""A replayed journal for people: what each event changed, on what evidence, and which timers ran after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.cli.output import print_line
from offhook.cli.records.show import call_line
from offhook.errors import ConfigError
from offhook.records.replayed import replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document
    from offhook.records.replayed import ReplayedEntry


def show_replay(record: Document, journal: Sequence[Document]) -> int:
    """Print the replay; returns the number of entries where the session disagrees with the journal.

    Raises:
        ConfigError: the call has no journal.
        OffhookError: the journal is not valid.
    """
    if not journal:
        raise ConfigError(f"the call {record['call_id']} has no journal: there is nothing to replay")
    result = replay(journal)
    policy = result.policy
    print_line(call_line(record))
    print_line(f"  answer policy {policy.answer.value}; ring {policy.ring_timeout_s:g} s, grace {policy.grace_s:g} s")
    print_line()
    for entry in result.entries:
        _show(entry)
    print_line()
    if not result.ended:
        print_line("the journal stops before the end of the call")
    if result.differences:
        print_line(f"{result.differences} of {len(journal)} entries differ from what the session says now")
    else:
        print_line(f"the session says the same as the journal, {len(journal)} entries")
    return result.differences


def _show(entry: ReplayedEntry) -> None:
    print_line(f"{entry.at_s:8.3f} s  {entry.name} {entry.detail}".rstrip())
    evidence, grade = (entry.step.evidence, entry.step.grade) if entry.step is not None else (None, None)
    why = f"{evidence.text} ({grade.value})" if evidence and grade else "no evidence"
    if entry.step is not None and entry.step.changed:
        print_line(f"            call {entry.call.name}, leg {entry.leg.value}: {why}")
    elif entry.is_event:
        print_line(f"            changes neither state{f', but the record: {why}' if evidence else ''}")
    else:
        print_line("            a note: the session does not see it")
    if entry.deadlines:
        timers = ", ".join(f"{timer.value} at {at_s:.3f} s" for timer, at_s in entry.deadlines)
        print_line(f"            timers: {timers}")
    for difference in entry.differences:
        print_line(f"            DIFFERS: {difference}")
