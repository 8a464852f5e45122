"""What calls cost: learnt from the CPU time while calls talk and are dialled."""

from __future__ import annotations

import random

import pytest

from offhook.call.call_costs import BASE_CALLS, CallCosts

TALK_S, DIAL_S = 0.0166, 0.03


def busy_s(talking: float, dialled: float) -> float:
    """What half a second costs."""
    return 0.5 * TALK_S * (talking + BASE_CALLS) + DIAL_S * dialled


def test_the_cost_of_talking_is_told_from_that_of_dialling() -> None:
    costs, chance = CallCosts(), random.Random(1)
    talking = 0
    for _ in range(60):
        dialled = chance.randrange(6)
        costs.learn(0.5, busy_s(talking, dialled), talking, dialled)
        talking = min(talking + dialled, 60)
    assert costs.call_percent == pytest.approx(100 * TALK_S, rel=0.02)


def test_before_a_call_talks_the_cost_is_that_of_dialling() -> None:
    costs = CallCosts()
    for _ in range(20):
        costs.learn(0.5, 10 * DIAL_S, 0, 10)
    assert costs.call_percent == pytest.approx(100 * DIAL_S, rel=0.05)
    for _ in range(20):
        costs.learn(0.5, 0.01, 0, 0)  # they ring
    assert costs.call_percent == pytest.approx(100 * DIAL_S, rel=0.05)


def test_what_was_measured_lately_weighs_more() -> None:
    costs = CallCosts()
    for _ in range(60):
        costs.learn(0.5, 0.4, 20, 0)
    for _ in range(120):
        costs.learn(0.5, 0.1, 20, 0)
    assert costs.call_percent == pytest.approx(100 * 0.2 / 24, rel=0.02)


def test_nothing_is_learnt_from_no_time_and_something_is_assumed_at_first() -> None:
    costs = CallCosts()
    assumed = costs.call_percent
    assert 0 < assumed <= 2
    costs.learn(0.0, 1.0, 10, 0)
    assert costs.call_percent == assumed


def test_a_cost_is_never_negative() -> None:
    costs = CallCosts()
    for dialled in (0, 50, 0, 50):
        costs.learn(0.5, 0.5 if dialled else 0.0, 50 if not dialled else 0, dialled)
    assert costs.call_percent >= 0
