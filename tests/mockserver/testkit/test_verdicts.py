"""Which verdicts a failed assertion had used."""

from __future__ import annotations

import unittest

import pytest

from offhook.testing.audio import Verdict
from offhook.testing.audio.verdict import Finding
from offhook_mockserver.testkit.verdicts import VerdictNotes


def said(passed: bool, notes: VerdictNotes) -> Verdict:
    """An answer to a question about audio, whose uses are noted."""
    return Verdict("callee.heard.is_silent()", Finding(passed, "silence", "speech", "the application"), notes.add)


def failed(test: object, *arguments: object) -> AssertionError:
    assert callable(test)
    with pytest.raises(AssertionError) as caught:
        test(*arguments)
    return caught.value


def test_the_verdict_of_the_failed_assertion_is_found_and_no_other() -> None:
    notes = VerdictNotes()
    right, wrong = said(True, notes), said(False, notes)

    def check() -> None:
        assert right
        assert not wrong
        assert wrong, "here"

    assert notes.behind(failed(check)) == [wrong]


def test_a_verdict_that_passed_fails_its_negation() -> None:
    notes = VerdictNotes()
    right = said(True, notes)

    def check() -> None:
        assert not right

    assert notes.behind(failed(check)) == [right]


def test_an_assertion_over_several_lines_may_use_several() -> None:
    notes = VerdictNotes()
    first, second, other = said(True, notes), said(False, notes), said(False, notes)

    def check() -> None:
        if other:
            raise ValueError
        assert all(
            (
                first,
                second,
            )
        )

    assert notes.behind(failed(check)) == [first, second]


def test_an_assertion_about_something_else_used_none() -> None:
    notes = VerdictNotes()
    wrong = said(False, notes)

    def check(number: int) -> None:
        assert not wrong
        assert number == 2

    assert notes.behind(failed(check, 1)) == []


def test_other_errors_used_none() -> None:
    notes = VerdictNotes()
    wrong = said(False, notes)
    with pytest.raises(ValueError) as caught:
        int("" if wrong else "no number")
    assert notes.behind(caught.value) == []


def test_a_helper_of_the_test_may_assert() -> None:
    notes = VerdictNotes()
    wrong = said(False, notes)

    def helper() -> None:
        assert wrong

    def check() -> None:
        helper()

    assert notes.behind(failed(check)) == [wrong]


def test_methods_of_unittest_work_as_well() -> None:
    notes = VerdictNotes()
    wrong = said(False, notes)

    def check() -> None:
        unittest.TestCase().assertTrue(wrong)  # noqa: PT009

    assert notes.behind(failed(check)) == [wrong]


def test_the_latest_200_are_kept() -> None:
    notes = VerdictNotes()
    first, right, wrong = said(True, notes), said(True, notes), said(False, notes)

    def check() -> None:
        assert all([first, *[right] * 198, wrong])

    def check_more() -> None:
        assert all([first, *[right] * 199, wrong])

    assert notes.behind(failed(check))[0] is first
    assert notes.behind(failed(check_more))[0] is right
