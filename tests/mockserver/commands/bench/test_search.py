"""How the number of calls is found that a process carries."""

from __future__ import annotations

import pytest

from offhook_mockserver.commands.bench.search import Search


def tried(search: Search, carries: int) -> list[int]:
    """The numbers that are tried on a machine that carries so many calls."""
    numbers = []
    for calls in search:
        numbers.append(calls)
        search.note(calls, good=calls <= carries)
    return numbers


def test_the_number_is_doubled_until_a_trial_fails_and_then_halved_between() -> None:
    search = Search(10, 320)
    assert tried(search, 43) == [10, 20, 40, 80, 80, 60, 60, 50, 50, 45, 45, 42]
    assert (search.carried, search.failed, search.advice) == (42, 45, 33)


@pytest.mark.parametrize(("carries", "carried"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 9)])
def test_a_slow_machine_is_measured_as_well(carries: int, carried: int) -> None:
    search = Search(10, 320)
    tried(search, carries)
    assert (search.carried, search.done) == (carried, True)
    assert search.advice == max(min(carried, 1), int(0.8 * carried))


def test_it_ends_at_the_greatest_number() -> None:
    search = Search(10, 50)
    assert tried(search, 1_000) == [10, 20, 40, 50]
    assert (search.carried, search.failed) == (50, None)
    assert tried(Search(10, 4), 1_000) == [4]


def test_one_failure_of_a_number_is_forgiven() -> None:
    search = Search(10, 40)
    results = {10: [True], 20: [False, True], 40: [False, False], 30: [False, True], 35: [True], 37: [False, False]}
    for calls in search:
        search.note(calls, good=results[calls].pop(0))
    assert (search.carried, search.failed) == (35, 37)


@pytest.mark.parametrize("carries", range(0, 330, 7))
def test_the_result_is_never_too_high_and_at_most_a_tenth_too_low(carries: int) -> None:
    search = Search(10, 320)
    assert len(tried(search, carries)) <= 20
    assert search.carried <= carries <= search.carried * 1.1 + 1 or search.carried == 320
