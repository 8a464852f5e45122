"""What reaches a journal, a record or JSON is a code: short, in snake case, and the same in every version."""

from __future__ import annotations

import re
from enum import Enum
from typing import get_args, get_type_hints

import pytest

from offhook import AnswerPolicy, CallState, Disposition, EndedBy, Evidence, Grade, LegState
from offhook.session import events, outcome
from offhook.session.facts import evidence_code, evidence_text

#: Fields of events stand in the journal as facts.
IN_FACTS = {
    hint
    for kind in get_args(events.Event)
    for hint in get_type_hints(kind, {**vars(events), **vars(outcome)}).values()
    if isinstance(hint, type) and issubclass(hint, Enum)
}


@pytest.mark.parametrize(
    "enum", sorted(IN_FACTS | {AnswerPolicy, CallState, Disposition, EndedBy, Evidence, Grade, LegState}, key=str)
)
def test_what_is_written_down_is_a_code(enum: type[Enum]) -> None:
    for member in enum:
        code = member.value
        assert isinstance(code, int) or re.fullmatch(r"[a-z]+(_[a-z]+)*", code), member


def test_the_codes_of_evidence_are_what_journals_hold() -> None:
    """A code that is renamed here makes journals that are kept unreadable."""
    assert {evidence.value for evidence in Evidence} == {
        "request",
        "accepted",
        "refused",
        "answer_lost",
        "leg_joined",
        "callee_joined",
        "callee_published",
        "audio_heard",
        "callee_quit",
        "callee_dropped",
        "leg_lost",
        "leg_changed",
        "leg_closed",
        "webhook",
        "token_expired",
        "audio_lost",
        "timer",
    }


def test_each_evidence_has_a_sentence_of_its_own() -> None:
    assert len({evidence.text for evidence in Evidence}) == len(Evidence)
    assert all(evidence_text(evidence.value) == evidence.text for evidence in Evidence)


@pytest.mark.parametrize(
    ("written", "code", "text"),
    [
        ("our leg joined the channel", "leg_joined", "our leg joined the channel"),
        ("a webhook said so", "webhook", "a webhook reported it"),
        ("the callee left the channel", "callee_quit", "the callee left the channel"),
        ("from_the_future", "from_the_future", "from_the_future"),
        (None, None, "None"),
        ([1], [1], "[1]"),
    ],
)
def test_what_other_versions_wrote_is_read(written: object, code: object, text: str) -> None:
    assert evidence_code(written) == code
    assert evidence_text(written) == text
