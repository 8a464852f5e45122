"""The timeline checker: it finds nothing in good calls, and each violation in a call that was tampered with."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, POLICY, rig, run

from offhook import CallPolicy, CallState, Evidence, LegState, Secret
from offhook.session.events import LegDisconnected, LegReconnected
from offhook.testing import check_call, timeline_lines, violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.core.rig import Rig

    from offhook import CallRecord


def good(path: Path) -> tuple[Rig, CallRecord]:
    async def main() -> tuple[Rig, CallRecord]:
        r = rig(policy=POLICY)
        r.answer(1)
        async with r.phone.dial(NUMBER, record=path) as call:
            await call.answered()
            await asyncio.sleep(2)
        return r, call.record

    return run(main())


def test_a_good_call_has_no_violations(tmp_path: Path) -> None:
    r, record = good(tmp_path / "a.wav")
    saved = r.store.records[record.call_id]
    check_call(record, journal=r.store.journal, saved=saved, policy=POLICY, recordings=[tmp_path / "a.wav"])
    check_call(record)


def entry(record: CallRecord, index: int, **changes: object) -> None:
    record.timeline[index] = replace(record.timeline[index], **changes)  # type: ignore[arg-type]


SPOILERS: list[tuple[Callable[[CallRecord], object], str]] = [
    (lambda record: record.timeline.clear(), "I1: the call has not ended"),
    (lambda record: record.timeline.pop(), "I1: the call has not ended"),
    (lambda record: record.timeline.append(record.timeline[-1]), "I1: it ended more than once"),
    (lambda record: setattr(record, "ended_at_s", None), "I1: it ended more than once, or ended_at_s is missing"),
    (lambda record: setattr(record, "outcome", None), "I1: it has no outcome"),
    (lambda record: entry(record, 2, at_s=99.0), "is earlier than the entry before it"),
    (
        lambda record: entry(record, 1, call=CallState.ENDING),
        "LegJoined led from ENDING/CONNECTING to RINGING/CONNECTED",
    ),
    (lambda record: entry(record, 0, leg=LegState.CONNECTED), "led from IDLE/NEW to DIALING/CONNECTED"),
    (
        lambda record: entry(record, 0, evidence=None),
        "Dialed has no evidence for a change of state, or `changed` is wrong",
    ),
    (
        lambda record: entry(record, 0, changed=False),
        "Dialed has no evidence for a change of state, or `changed` is wrong",
    ),
    (lambda record: setattr(record, "answered_at_s", None), "disagree on whether the call was answered"),
    (lambda record: setattr(record, "ended_at_s", 60.0), "s from ENDING to ENDED; the limit is 2.05 s"),
    (
        lambda record: setattr(record, "problem", "about 007-a-secret-token"),
        "I6: the record or the journal contains a secret",
    ),
    (lambda record: record.counters.update(frames_sent=-1), "I8: counter frames_sent is -1"),
]


@pytest.mark.parametrize(("spoil", "problem"), SPOILERS, ids=[problem for _, problem in SPOILERS])
def test_each_violation_is_found(spoil: Callable[[CallRecord], object], problem: str, tmp_path: Path) -> None:
    secret = Secret("007-a-secret-token")
    _, record = good(tmp_path / "a.wav")
    spoil(record)
    with pytest.raises(AssertionError, match=re.escape(problem)):
        check_call(record, policy=POLICY)
    assert secret


def test_a_leg_that_stays_disconnected_is_found() -> None:
    async def main() -> CallRecord:
        r = rig(policy=CallPolicy(grace_s=30))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            r.transport.tell(LegDisconnected())
            await asyncio.sleep(3)
            r.transport.tell(LegReconnected())
        return call.record

    record = run(main())
    assert violations(record, policy=CallPolicy(grace_s=3)) == []
    found = violations(record, policy=CallPolicy(grace_s=2))
    assert found == ["I2: the leg was DISCONNECTED for 3.000 s, which is longer than grace_s"]


def test_the_journal_and_the_saved_record_are_compared(tmp_path: Path) -> None:
    r, record = good(tmp_path / "a.wav")
    count = len(record.timeline)
    assert violations(record, journal=r.store.journal[1:]) == [
        f"I5: the journal ({count - 1} entries) does not equal the timeline ({count} entries)",
        "I9: the callee may have been rung, but the journal does not begin with Dialed",
    ]
    assert violations(record, saved={}) == ["I5: the record in the store is not the final record"]


def test_recordings_are_opened(tmp_path: Path) -> None:
    _, record = good(tmp_path / "a.wav")
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "short.wav").write_bytes(whole[:-400])
    (tmp_path / "none.wav").write_bytes(b"not a recording")
    found = violations(record, recordings=[tmp_path / name for name in ("a.wav", "short.wav", "none.wav", "gone.wav")])
    assert [problem.split(":")[1].split()[0] for problem in found] == ["short.wav", "none.wav", "gone.wav"]


def test_the_timeline_is_readable(tmp_path: Path) -> None:
    _, record = good(tmp_path / "a.wav")
    lines = timeline_lines(record)
    assert len(lines) == len(record.timeline)
    assert Evidence.REQUEST.value in lines[0]
    assert lines[0].startswith("    0.000000 Dialed")
