"""What the trials showed, for people and for programs; and what makes a trial good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook_mockserver.commands.bench.caller import Measured
from offhook_mockserver.commands.bench.report import HEAD, advice, document, row
from offhook_mockserver.commands.bench.search import Search
from offhook_mockserver.commands.bench.trial import Trial

GOOD = Trial(10, 10, 1.24, Measured(41.6, 38.2, 3.04), 0, 0, 0, 0)


def searched(*results: tuple[int, bool]) -> Search:
    search = Search(10, 40)
    for calls, good in results:
        search.note(calls, good=good)
        if not good:
            search.note(calls, good=False)  # twice, or it would be forgiven
    return search


def test_a_good_trial_is_a_line_of_the_table() -> None:
    assert GOOD.good
    assert row(GOOD).split() == "10 10 1.2 s 42 % 38 % 3.0 ms 0 0 0 0 s good".split()
    assert len(row(GOOD)) == len(HEAD) + len("  good")


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, up=9),
        replace(GOOD, skipped=1),
        replace(GOOD, lost=1),
        replace(GOOD, lost_at_callees=1),
        replace(GOOD, silent_s=1),
        replace(GOOD, problem="the carrier is away"),
        replace(GOOD, measured=Measured(41, 38, 10.1)),
        replace(GOOD, measured=None),
    ],
)
def test_any_damage_makes_a_trial_bad(bad: Trial) -> None:
    assert not bad.good
    assert row(bad).endswith(bad.problem or "not good")


def test_a_system_that_does_not_show_the_mocks_time_leaves_it_out() -> None:
    assert "-" in row(replace(GOOD, measured=Measured(41, None, 3.0)))


def test_the_advice_is_a_limit_or_what_to_try() -> None:
    assert advice(searched((10, True), (20, False), (15, False), (12, False), (11, False)))[0] == (
        "this process carries 10 calls on this machine"
    )
    assert advice(searched((10, True), (20, True), (40, True)))[0] == (
        "this process carries at least 40 calls on this machine"
    )
    assert "between 10 and 20 calls nothing was tried" in advice(searched((10, True), (20, False)))[1]
    assert advice(searched((10, True)))[-1].startswith("set Phone(call_limit=8)")
    assert "--first 1" in advice(searched((10, False)))[0]


def test_the_document_holds_everything() -> None:
    told = document(searched((10, True), (20, False)), [GOOD])
    assert (told["carried"], told["failed"], told["exact"], told["call_limit"]) == (10, 20, False, 8)
    trials = told["trials"]
    assert isinstance(trials, list)
    assert (trials[0]["good"], trials[0]["measured"]["late_p99_ms"]) == (True, 3.04)
