"""What is known of a test when it fails: a copy, so that it can be shown and written after the mock is closed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from offhook.errors import OffhookError
from offhook.interfaces import mask
from offhook_mockserver.testkit.callers import caller_calls
from offhook_mockserver.testkit.headlines import headlines
from offhook_mockserver.testkit.leftovers import leftovers
from offhook_mockserver.testkit.spoken import with_speech
from offhook_mockserver.testkit.story import timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from offhook.interfaces import Document
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.entry import Entry
    from offhook_mockserver.testkit.allowances import Leftover
    from offhook_mockserver.testkit.callers import CallerCall
    from offhook_mockserver.testkit.handle import MockHandle
    from offhook_mockserver.testkit.lag import Stall
    from offhook_mockserver.testkit.story import TimelineLine
    from offhook_mockserver.testkit.verdicts import Answered


@dataclass(frozen=True, slots=True)
class CallEvidence:
    """One call of the test.

    Attributes:
        channel: its channel.
        number: the number that was rung, masked.
        end: how the callee's part ended, for people; empty while it goes on.
        unfinished: the steps of its script that are not done, for people.
        counters: what its room and its callee counted.
        losses: those counters that stay zero in a healthy call and did not.
        audio: what the callee heard and said; None if it did not answer, or nothing was kept.
    """

    channel: str
    number: str
    end: str
    unfinished: Sequence[str]
    counters: Mapping[str, int]
    losses: Mapping[str, int]
    audio: CallAudio | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one test.

    Attributes:
        test: the test's name.
        seed: what its ids, keys and losses were drawn from.
        virtual: whether it ran in virtual time.
        calls: its calls, in the order in which they rang.
        timeline: what happened in them.
        callers: the calls as the application's phones wrote them down.
        callers_problem: why that could not be read; empty if it could.
        entries: the journal.
        dropped: how many of the journal's first entries were dropped at its limits.
        verdicts: the answers that the failed assertion used.
        leftovers: what the test had left behind in its mock when it failed.
        faults: what the faults of the test did, for people.
        applications: errors of applications for which the test did not ask.
        scripts: what its callees do, by number: `offhook mock --scripts` reads them again.
        stall: the longest time for which the mock's loop stood still during a call; None in virtual time.
        figures: other figures about audio that the test read, the latest first.
        headlines: what the report says first, in sentences.
    """

    test: str
    seed: int
    virtual: bool
    calls: Sequence[CallEvidence]
    timeline: Sequence[TimelineLine]
    callers: Sequence[CallerCall]
    callers_problem: str
    entries: Sequence[Entry]
    dropped: int
    verdicts: Sequence[Answered]
    leftovers: Sequence[Leftover]
    faults: Sequence[str]
    applications: Sequence[BaseException]
    scripts: Mapping[str, Script]
    stall: Stall | None
    figures: Sequence[Answered] = ()
    headlines: Sequence[str] = ()


def gather(handle: MockHandle, test: str, *, error: BaseException | None = None, since_s: float = 0.0) -> Evidence:
    """Copy what is known of a test whose mock is still open.

    Args:
        handle: its mock.
        test: its name.
        error: what it failed with, or None.
        since_s: when it began, in the time of the mock's loop.
    """
    records: Sequence[Document] = ()
    problem = ""
    try:
        records = handle.caller_records()
    except OffhookError as mistake:
        problem = mistake.message
    evidence = handle.on_loop(lambda: _gather(handle, test, error, since_s, records, problem))
    # Not on the mock's loop: measuring audio takes time.
    return replace(evidence, timeline=with_speech(evidence.timeline, [call.audio for call in evidence.calls]))


def _gather(
    handle: MockHandle,
    test: str,
    error: BaseException | None,
    since_s: float,
    records: Sequence[Document],
    callers_problem: str,
) -> Evidence:
    journal = handle.tenant.journal
    callers = caller_calls(records, journal.entries)
    calls = sorted((*handle.tenant.kept, *handle.tenant.calls.values()), key=lambda call: call.started_wall_s)
    failed = handle.failed_applications()
    verdicts = [] if error is None else handle.verdicts.behind(error)
    return Evidence(
        test=test,
        seed=handle.seed,
        virtual=handle.virtual,
        calls=[_call(call) for call in calls],
        timeline=timeline(journal.entries, callers),
        callers=callers,
        callers_problem=callers_problem,
        entries=journal.entries,
        dropped=journal.dropped,
        verdicts=verdicts,
        figures=[figure for figure in handle.verdicts.figures() if figure not in verdicts],
        leftovers=[] if error is None else leftovers(handle, settled=False),
        faults=[fault.summary for fault in handle.faults.made],
        applications=[started.error for started in failed if started.error is not None and started.error is not error],
        scripts={callee.number: callee.script() for callee in handle.callees if callee.steps},
        stall=None if handle.lag is None else handle.lag.worst(since_s),
        headlines=headlines(handle, calls, callers),
    )


def _call(call: MockCall) -> CallEvidence:
    callee = call.callee
    return CallEvidence(
        channel=call.channel,
        number=mask(call.to),
        end=call.end_text,
        unfinished=callee.unfinished,
        counters=call.counters(),
        losses=call.losses(),
        audio=callee.audio() if callee.answered else None,
    )
