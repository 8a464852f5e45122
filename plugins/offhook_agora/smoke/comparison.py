"""Compares what a call showed with what offhook assumes about Sendblue's side of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.session import MemberJoined, MemberLeft, MemberPublished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from offhook.session import CallRecord
    from offhook_agora.smoke.ear import Ear

#: What a tester is asked after the call: an id, and the question.
QUESTIONS: Final[Mapping[str, str]] = {
    "answered_before": "Did you answer before `MemberPublished` was printed above?",
    "heard": "Did you hear two tones, about half a second each?",
    "ended": "Did your phone show the end of the call within about 5 s of the end printed above?",
}
#: Frames that arrive in a quiet second, in milliseconds of audio, from which on they count as flowing.
_FLOWING_MS: Final = 500.0


@dataclass(frozen=True, slots=True)
class Row:
    """One question about Sendblue's side.

    Attributes:
        about: the question.
        assumed: what offhook assumes.
        seen: what this call showed; empty if it showed nothing of it.
        agrees: whether the two agree; None where it was not seen, or nothing is assumed.
    """

    about: str
    assumed: str
    seen: str
    agrees: bool | None = None

    @property
    def verdict(self) -> str:
        """The comparison in a word or two."""
        if self.agrees is None:
            return "new" if self.seen else "not seen"
        return "as assumed" if self.agrees else "DIFFERS"


def compare(record: CallRecord, ear: Ear, answers: Mapping[str, bool]) -> Sequence[Row]:
    """Return one row for each question.

    Args:
        record: the record of the call, at its end.
        ear: what arrived of the callee's audio.
        answers: what the tester said, by the ids of `QUESTIONS`; unanswered ones are left out.
    """
    return (*_joining(record, answers), *_members(record), _token(record), *_audio(record, ear, answers), _end(answers))


def _joining(record: CallRecord, answers: Mapping[str, bool]) -> Iterator[Row]:
    joined, published = _first(record, MemberJoined), _first(record, MemberPublished)
    times = (("joined", joined), ("published audio", published), ("first audio", record.first_heard_at_s))
    seen = [f"{what} at {_seconds(at, record.joined_at_s)}" for what, at in times if at is not None]
    yield Row(
        "When does the callee's side join, in seconds after our own leg?",
        "at the answer, or while it rings: both are handled",
        ", ".join(seen),
    )
    before = answers.get("answered_before")
    yield Row(
        "Is the publishing of audio the answer?",
        "yes: the answer policy `CALLEE_PUBLISHED`",
        "" if before is None else _said(before, "the tester had answered", "the tester had not answered yet"),
        before,
    )


def _members(record: CallRecord) -> Iterator[Row]:
    uids = {entry.facts.get("uid") for entry in record.timeline if entry.event == MemberJoined.__name__}
    found = sorted(uid for uid in uids if isinstance(uid, int))
    yield Row("How many other members are in the channel?", "one", str(len(found)) if found else "", _one(found))
    yield Row("Which uid has the callee?", "unknown; any but ours", ", ".join(map(str, found)))
    reasons = [entry.facts.get("reason") for entry in record.timeline if entry.event == MemberLeft.__name__]
    yield Row(
        "If the callee hangs up: which reason does the channel report?",
        "quit: the call ends as completed",
        ", ".join(map(str, reasons)),
        reasons[0] == "quit" if reasons else None,
    )


def _one(found: Sequence[int]) -> bool | None:
    return len(found) == 1 if found else None


def _token(record: CallRecord) -> Row:
    accepted = next((entry for entry in record.timeline if entry.event == "CallAccepted"), None)
    expires = None if accepted is None else accepted.facts.get("expires_at_s")
    seen = ""
    if accepted is not None:
        seen = (
            f"{expires - accepted.at_s:.0f} s from the grant on"
            if isinstance(expires, int | float)
            else "it cannot be read from the token"
        )
    return Row("How long is a token valid?", "unknown; a call ends before its token, unless it is renewed", seen)


def _audio(record: CallRecord, ear: Ear, answers: Mapping[str, bool]) -> Iterator[Row]:
    quiet = list(_quiet_seconds(record, ear))
    flowing = sum(heard_ms >= _FLOWING_MS for heard_ms in quiet)
    yield Row(
        "Do frames arrive while the callee is silent?",
        "unknown; `AudioLost` is noted after 3 s without any",
        f"in {flowing} of {len(quiet)} quiet seconds" if quiet else "",
    )
    spoken = any(not second.quiet for second in ear.seconds.values())
    yield Row(
        "What is the longest hole while the callee talks?",
        "less than 200 ms on a good network",
        f"{ear.longest_hole_ms:.0f} ms" if spoken else "",
        ear.longest_hole_ms < 200 if spoken else None,
    )
    heard = answers.get("heard")
    seen = "" if heard is None else _said(heard, "yes", "no")
    yield Row("Does the callee hear us?", "yes", seen, heard)


def _quiet_seconds(record: CallRecord, ear: Ear) -> Iterator[float]:
    """How much audio arrived in each whole quiet second between the answer and the end."""
    if record.joined_at_s is None or record.answered_at_s is None or record.ended_at_s is None:
        return
    start, end = record.answered_at_s - record.joined_at_s, record.ended_at_s - record.joined_at_s
    for at in range(math.ceil(start), math.floor(end)):
        second = ear.seconds.get(at)
        if second is None:
            yield 0.0
        elif second.quiet:
            yield second.heard_ms


def _end(answers: Mapping[str, bool]) -> Row:
    ended = answers.get("ended")
    seen = "" if ended is None else _said(ended, "yes", "no: the callee's call went on")
    return Row("Does leaving the channel end the callee's call?", "yes: there is no other way to hang up", seen, ended)


def _said(answer: bool, yes: str, no: str) -> str:
    return yes if answer else no


def _first(record: CallRecord, event: type) -> float | None:
    return next((entry.at_s for entry in record.timeline if entry.event == event.__name__), None)


def _seconds(at_s: float, since_s: float | None) -> str:
    return f"{at_s - (since_s or 0.0):.1f} s"
