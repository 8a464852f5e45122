"""The timeline checker: the invariants of every call that is over, however it went.

I1 one end, with an outcome. I2 hanging up is bounded, and so is a time without a connection. I4 recordings are valid.
I5 the journal equals the timeline, and the record in the store equals the record. I6 no secret is left in any of them.
I8 counters are never negative. I9 no ring without a journal entry. (I3, no resource is
left behind: `Resources` checks it. I7, every await can be cancelled: needs a test that cancels.)
"""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from offhook.arguments import check_instance, check_path, check_seconds, check_several, wrong
from offhook.secret import redact
from offhook.session.policy import CallPolicy, check_policy
from offhook.session.record import CallRecord, entry_document, record_document
from offhook.session.states import CALL_TABLE, LEG_TABLE, CallState, LegState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set

    from offhook.interfaces.store import Document

#: How late a timer may fire, in seconds; pass more in a test that runs in real time.
TOLERANCE_S: Final = 0.05

#: Steps between different states; NEW → CONNECTING is not in the table, since the session itself asks for the leg.
_CALL_STEPS: Final[Set[tuple[CallState, CallState]]] = {
    (before, after) for before, row in CALL_TABLE.items() for after in row.values()
}
_LEG_STEPS: Final[Set[tuple[LegState, LegState]]] = {
    (LegState.NEW, LegState.CONNECTING),
    *((before, after) for before, row in LEG_TABLE.items() for after in row.values()),
}


def violations(
    record: CallRecord,
    *,
    journal: Iterable[Document] | None = None,
    saved: Document | None = None,
    policy: CallPolicy | None = None,
    recordings: Sequence[Path] = (),
    tolerance_s: float = TOLERANCE_S,
) -> list[str]:
    """Return the invariants that a finished call violates, one message for each; empty if there are none.

    Args:
        record: the record of a call that was dialled.
        journal: its journal, if a store kept one.
        saved: its record in the store, if there is one.
        policy: the policy of the call; the default policy by default.
        recordings: the WAV files that it left.
        tolerance_s: how late a timer may fire.

    Raises:
        ConfigError: an argument is of the wrong type.
    """
    _check_record(record)
    policy = CallPolicy() if policy is None else check_policy(policy)
    check_seconds(tolerance_s, "tolerance_s", zero=True)
    files = check_several(recordings, "recordings", "a list of the paths of WAV files")
    paths = [Path(check_path(file, "each of recordings", "heard.wav")) for file in files]
    entries: list[Document] = []
    if journal is not None:
        entries = [
            _document(entry, "each of journal") for entry in check_several(journal, "journal", "a list of entries")
        ]
    if saved is not None:
        _document(saved, "saved")
    found = [*_end(record), *_steps(record), *_bounds(record, policy, tolerance_s)]
    if journal is not None:
        found += _journal(record, [dict(entry) for entry in entries])
    if saved is not None and dict(saved) != record_document(record):
        found.append("I5: the record in the store is not the final record")
    for text in (repr(record), repr(saved), *(repr(entry) for entry in entries)):
        if redact(text) != text:
            found.append("I6: the record or the journal contains a secret")
    found += [f"I8: counter {name} is {value}" for name, value in record.counters.items() if value < 0]
    found += [problem for path in paths if (problem := _recording(path))]
    return found


def check_call(
    record: CallRecord,
    *,
    journal: Iterable[Document] | None = None,
    saved: Document | None = None,
    policy: CallPolicy | None = None,
    recordings: Sequence[Path] = (),
    tolerance_s: float = TOLERANCE_S,
) -> None:
    """Assert that a finished call violates no invariant; arguments as for `violations`.

    Raises:
        ConfigError: an argument is of the wrong type.
        AssertionError: the call violates an invariant; the message lists every violation, and the timeline.
    """
    found = violations(
        record, journal=journal, saved=saved, policy=policy, recordings=recordings, tolerance_s=tolerance_s
    )
    if found:
        raise AssertionError("\n".join([*found, "the timeline:", *timeline_lines(record)]))


def timeline_lines(record: CallRecord) -> list[str]:
    """Return the timeline for people, one line for each entry.

    Raises:
        ConfigError: `record` is not a `CallRecord`.
    """
    _check_record(record)
    return [
        f"  {entry.at_s:10.6f} {entry.event:18} {entry.call.value:8} {entry.leg.value:12} "
        f"{entry.evidence.value if entry.evidence else ''} {entry.detail}".rstrip()
        for entry in record.timeline
    ]


def _check_record(record: object) -> None:
    guess = "Pass its record: call.record" if hasattr(record, "record") else ""
    check_instance(record, "record", CallRecord, "a CallRecord, such as call.record", guess)


def _document(given: object, name: str) -> Document:
    if not isinstance(given, Mapping):
        raise wrong(name, "a mapping, as a store was passed it", given)
    return cast("Document", given)


def _end(record: CallRecord) -> list[str]:
    found: list[str] = []
    ends = [entry for entry in record.timeline if entry.changed and entry.call is CallState.ENDED]
    if not record.timeline or record.timeline[-1].call is not CallState.ENDED:
        found.append("I1: the call has not ended")
    if len(ends) > 1 or (ends and record.ended_at_s is None):
        found.append("I1: it ended more than once, or ended_at_s is missing")
    if record.outcome is None:
        found.append("I1: it has no outcome")
    return found


def _steps(record: CallRecord) -> list[str]:
    """Check that every step is in the tables and has evidence, and that time does not run backwards."""
    found: list[str] = []
    call, leg, at_s = CallState.IDLE, LegState.NEW, 0.0
    for entry in record.timeline:
        if entry.at_s < at_s:
            found.append(f"I1: {entry.event} at {entry.at_s} is earlier than the entry before it")
        legal = entry.call is call or (call, entry.call) in _CALL_STEPS
        # Joining when the callee is there already is two steps in one: to RINGING, and on to ACTIVE.
        legal = legal or (call, entry.call) == (CallState.DIALING, CallState.ACTIVE)
        if not legal or not (entry.leg is leg or (leg, entry.leg) in _LEG_STEPS):
            found.append(f"I1: {entry.event} led from {call.name}/{leg.name} to {entry.call.name}/{entry.leg.name}")
        moved = entry.call is not call or entry.leg is not leg
        if moved != entry.changed or (moved and (entry.evidence is None or entry.grade is None)):
            found.append(f"I1: {entry.event} has no evidence for a change of state, or `changed` is wrong")
        call, leg, at_s = entry.call, entry.leg, entry.at_s
    answered = any(entry.call is CallState.ACTIVE for entry in record.timeline)
    if answered != (record.answered_at_s is not None):
        found.append("I1: the record and the timeline disagree on whether the call was answered")
    return found


def _bounds(record: CallRecord, policy: CallPolicy, tolerance_s: float) -> list[str]:
    found: list[str] = []
    ending = next((entry.at_s for entry in record.timeline if entry.call is CallState.ENDING), None)
    ended = record.ended_at_s
    limit_s = policy.release_timeout_s + tolerance_s
    if ending is not None and ended is not None and ended - ending > limit_s:
        found.append(f"I2: the call took {ended - ending:.3f} s from ENDING to ENDED; the limit is {limit_s:g} s")
    away: float | None = None
    for entry in record.timeline:
        if away is not None and entry.at_s - away > policy.grace_s + tolerance_s:
            found.append(f"I2: the leg was DISCONNECTED for {entry.at_s - away:.3f} s, which is longer than grace_s")
        up = entry.call in (CallState.RINGING, CallState.ACTIVE)
        since = entry.at_s if away is None else away
        away = since if up and entry.leg is LegState.DISCONNECTED else None
    return found


def _journal(record: CallRecord, journal: list[dict[str, object]]) -> list[str]:
    found: list[str] = []
    expected = [entry_document(record.call_id, entry) for entry in record.timeline]
    if journal != expected:
        found.append(f"I5: the journal ({len(journal)} entries) does not equal the timeline ({len(expected)} entries)")
    if record.rang != "no" and (not journal or journal[0]["event"] != "Dialed"):
        found.append("I9: the callee may have been rung, but the journal does not begin with Dialed")
    return found


def _recording(path: Path) -> str:
    try:
        with wave.open(str(path)) as file:
            frames = file.getnframes()
            whole = len(file.readframes(frames)) == frames * file.getnchannels() * file.getsampwidth()
    except (OSError, EOFError, wave.Error) as error:
        return f"I4: {path.name} cannot be read: {error}"
    return "" if whole else f"I4: {path.name} contains less audio than its header says"
