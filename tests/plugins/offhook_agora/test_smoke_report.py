"""What a live call showed, compared with what is assumed; and a report that can be shown to anybody."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from offhook import AudioFrame, Secret
from offhook.session import CallRecord, CallState, LegState, TimelineEntry
from offhook_agora.smoke.comparison import QUESTIONS, Row, compare
from offhook_agora.smoke.ear import Ear
from offhook_agora.smoke.report import MASK, page

RATE = 16_000


def record(*entries: tuple[float, str, dict[str, object]], answered_at_s: float | None = 3.0) -> CallRecord:
    made = CallRecord("call-1", "+1415•••0123", "2026-11-29T12:00:00+00:00", "ft_call_0123456789abcdef")
    made.joined_at_s, made.answered_at_s, made.ended_at_s = 1.0, answered_at_s, 13.0
    made.timeline = [
        TimelineEntry(at_s, event, CallState.ACTIVE, LegState.CONNECTED, facts=facts) for at_s, event, facts in entries
    ]
    return made


def hear(ear: Ear, start_s: float, end_s: float, sample: int) -> None:
    """20 ms frames from `start_s` to `end_s`, in seconds since our leg joined."""
    pcm = array("h", [sample] * (RATE // 50)).tobytes()
    for number in range(round(start_s * 50), round(end_s * 50)):
        asyncio.run(ear.write(AudioFrame(pcm, RATE, number * RATE // 50)))


def row(rows: tuple[Row, ...] | list[Row], about: str) -> Row:
    (found,) = [each for each in rows if about in each.about]
    return found


def test_times_are_from_our_own_leg_on() -> None:
    made = record((2.5, "MemberJoined", {"uid": 7}), (3.0, "MemberPublished", {"uid": 7}))
    made.first_heard_at_s = 3.25
    rows = list(compare(made, Ear(), {}))
    assert row(rows, "side join").seen == "joined at 1.5 s, published audio at 2.0 s, first audio at 2.2 s"
    assert row(rows, "Which uid").seen == "7"
    assert row(rows, "How many other").verdict == "as assumed"


def test_a_second_member_differs() -> None:
    rows = compare(record((1.5, "MemberJoined", {"uid": 7}), (1.5, "MemberJoined", {"uid": 8})), Ear(), {})
    assert row(list(rows), "How many other").verdict == "DIFFERS"


@pytest.mark.parametrize(
    ("facts", "seen"),
    [({"expires_at_s": 3602.0}, "3600 s from the grant on"), ({}, "it cannot be read from the token")],
)
def test_the_tokens_lifetime_counts_from_the_grant(facts: dict[str, object], seen: str) -> None:
    rows = compare(record((2.0, "CallAccepted", facts)), Ear(), {})
    assert row(list(rows), "token valid").seen == seen


def test_quiet_seconds_with_and_without_frames_are_counted_apart() -> None:
    """Answered at 2 s of the leg: speech until 5 s, quiet frames until 8 s, and nothing until the end at 12 s."""
    ear = Ear()
    hear(ear, 2, 5, 8_000)
    hear(ear, 5, 8, 1)
    assert row(list(compare(record(), ear, {})), "while the callee is silent").seen == "in 3 of 7 quiet seconds"


def test_a_hole_is_what_is_missing_between_two_loud_frames() -> None:
    ear = Ear()
    hear(ear, 2, 3, 8_000)
    hear(ear, 3.4, 4, 8_000)
    hole = row(list(compare(record(), ear, {})), "longest hole")
    assert (hole.seen, hole.verdict) == ("400 ms", "DIFFERS")


def test_a_pause_of_the_callee_is_not_a_hole() -> None:
    ear = Ear()
    hear(ear, 2, 3, 8_000)
    hear(ear, 3, 4, 1)
    hear(ear, 5, 6, 8_000)
    assert row(list(compare(record(), ear, {})), "longest hole").verdict == "as assumed"


@pytest.mark.parametrize("answer", [True, False])
def test_what_the_tester_says_decides_what_a_program_cannot_see(answer: bool) -> None:
    said = [each for each in compare(record(), Ear(), dict.fromkeys(QUESTIONS, answer)) if each.agrees is not None]
    assert [each.agrees for each in said] == [answer] * len(QUESTIONS)


def test_what_was_not_seen_is_not_guessed() -> None:
    rows = compare(CallRecord("call-1", "", ""), Ear(), {})
    assert {each.verdict for each in rows} == {"not seen"}


def test_a_report_holds_nothing_private() -> None:
    token = Secret("007eJxTYGAwNjM2N7U0NzIxMjE2Mzc3")
    made = record((2.0, "MemberJoined", {"uid": 7}))
    made.problem = (
        f"joining ft_call_0123456789abcdef with 007eJxTYBBnkQ9Nzc1KyMhPL0ssys9OTcvPSy2qBAB1 or {token.reveal()} "
        "for +1 (415) 555-0123 or 4155550123 failed\x1b[2J\n| <b>bold</b> | key-of-mine"
    )
    text = page(made, compare(made, Ear(), {}), [("transport", "agora")], ["+14155550123", "key-of-mine", made.channel])
    for private in (token.reveal(), "ft_call_", "007eJ", "5550123", "555-0123", "key-of-mine", "\x1b", "<b>", "| bold"):
        assert private not in text, private
    assert MASK in text
    assert "\\x1b" in text
    assert "transport" in text
