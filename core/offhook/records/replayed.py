"""Feeds a journal through the session again, to show the reason for each state. It does no I/O.

The shell feeds events to the session with the times that the journal holds, so the same events lead to the same states.
A journal lacks two things, which are reconstructed here: timers that expired and changed neither state (the renewal of
a token), and the time at which the last timer of a call that was cut short expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_several, wrong
from offhook.errors import JournalError, OffhookError
from offhook.session.events import DeadlinePassed, Dialed
from offhook.session.facts import evidence_code, is_event, to_event
from offhook.session.machine import CallSession
from offhook.session.policy import CallPolicy, policy_of
from offhook.session.states import CallState, LegState, Timer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook.interfaces.store import Document
    from offhook.session.machine import Step


#: Timers that change no state when they expire, so that a journal has no entries for their expiry.
_SILENT: Final = frozenset({Timer.RENEWAL})


@dataclass(frozen=True, slots=True)
class ReplayedEntry:
    """One entry of a journal, and what the session makes of it today.

    Attributes:
        at_s: seconds since dialling.
        name: what happened.
        is_event: whether it is an event of the session; others are notes, which the session never sees.
        call: state of the call after it.
        leg: state of the leg after it.
        step: the session's result; None for a note, and for an event that the session could not take.
        detail: the detail that the entry holds.
        deadlines: the timers that run after it, the next one first.
        differences: where journal and session disagree, one sentence each.
    """

    at_s: float
    name: str
    is_event: bool
    call: CallState
    leg: LegState
    step: Step | None
    detail: str
    deadlines: tuple[tuple[Timer, float], ...]
    differences: tuple[str, ...]


@dataclass(slots=True)
class Replay:
    """A journal, replayed.

    Attributes:
        policy: the policy that the call was made with.
        entries: the result of each entry.
        ended: whether the call ended; an interrupted one did not.
    """

    policy: CallPolicy
    entries: list[ReplayedEntry] = field(default_factory=list[ReplayedEntry])
    ended: bool = False

    @property
    def differences(self) -> int:
        """How many entries disagree with the session."""
        return sum(bool(entry.differences) for entry in self.entries)


def replay(journal: Sequence[Document]) -> Replay:
    """Feed a journal through a new session.

    Raises:
        JournalError: an entry lacks a time or a name.
        ConfigError: the policy is not valid, or `journal` is not a list of entries.
    """
    entries = check_several(journal, "journal", "a list of entries, such as archive.journal(call_id)")
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise wrong("each entry of journal", "a mapping", entry)
    session = CallSession(_policy(journal), strict=False)
    result = Replay(session.policy)
    for number, entry in enumerate(journal, start=1):
        result.entries.append(_replay(session, entry, number))
    result.ended = session.call_state is CallState.ENDED
    return result


def _policy(journal: Sequence[Document]) -> CallPolicy:
    for entry in journal:
        if entry.get("event") == Dialed.__name__:
            return policy_of(_mapping(_mapping(entry.get("facts")).get("policy")))
    return CallPolicy()  # the call was hung up before it was dialled


def _replay(session: CallSession, entry: Document, number: int) -> ReplayedEntry:
    at_s, name = entry.get("at_s"), entry.get("event")
    if not isinstance(at_s, int | float) or not isinstance(name, str):
        raise JournalError(f"entry {number} of the journal lacks a time or a name, so the journal cannot be replayed")
    step: Step | None = None
    differences: list[str] = []
    if is_event(name):
        try:
            step = _feed(session, name, entry, at_s)
        except OffhookError as error:
            differences.append(error.message)
    differences += _compare(session, entry, step)
    return ReplayedEntry(
        at_s=float(at_s),
        name=name,
        is_event=is_event(name),
        call=session.call_state,
        leg=session.leg_state,
        step=step,
        detail=str(entry.get("detail") or ""),
        deadlines=tuple(sorted(session.deadlines.items(), key=lambda item: item[1])),
        differences=tuple(differences),
    )


def _feed(session: CallSession, name: str, entry: Document, at_s: float) -> Step:
    facts = {key: value for key, value in _mapping(entry.get("facts")).items() if key != "policy"}
    event = to_event(name, facts)
    _pass_silent(session, at_s)
    if isinstance(event, DeadlinePassed):
        # A DeadlinePassed is written down only if it changed a state, so a timer had expired, whatever the clock says.
        at_s = max(at_s, session.next_deadline() or at_s)
    step = session.handle(event, at_s)
    _drop_actions(session)
    return step


def _pass_silent(session: CallSession, at_s: float) -> None:
    """Expire the timers that leave no entry in a journal."""
    while session.deadlines:
        timer, deadline = min(session.deadlines.items(), key=lambda item: item[1])
        if timer not in _SILENT or deadline > at_s:
            return
        session.handle(DeadlinePassed(), deadline)
        _drop_actions(session)


def _drop_actions(session: CallSession) -> None:
    while session.next_action() is not None:
        pass


def _compare(session: CallSession, entry: Document, step: Step | None) -> list[str]:
    """Where journal and session disagree. Notes were written between events, so only their states are compared."""
    now: dict[str, object] = {"call": session.call_state.value, "leg": session.leg_state.value}
    if step is not None:
        now["changed"] = step.changed
        now["evidence"] = step.evidence.value if step.evidence else None
        now["grade"] = step.grade.value if step.grade else None
    written = {**entry, "evidence": evidence_code(entry.get("evidence"))}
    return [
        f"{name}: the journal says {written.get(name)!r}, the session says {value!r}"
        for name, value in now.items()
        if written.get(name) != value
    ]


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
