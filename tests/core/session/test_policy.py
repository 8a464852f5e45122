"""The policy refuses what would make a timer run for ever."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from offhook import AnswerPolicy, CallPolicy
from offhook.errors import ConfigError
from offhook.session.policy import policy_document, policy_of

TIMERS = [field.name for field in fields(CallPolicy) if field.name.endswith("_s")]


def test_every_timer_is_finite_by_default() -> None:
    policy = CallPolicy()
    assert len(TIMERS) == 7
    assert all(0 < getattr(policy, name) < math.inf for name in TIMERS)
    assert policy.answer is AnswerPolicy.CALLEE_PUBLISHED


@pytest.mark.parametrize("name", TIMERS)
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "5", None])
def test_a_timer_must_be_a_finite_number_of_seconds(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value!r}: give a positive"):
        CallPolicy(**{name: value})  # type: ignore[arg-type]


def test_an_answer_policy_that_is_none_is_refused_before_anything_rings() -> None:
    with pytest.raises(ConfigError, match=r"answer='first_audio': give an AnswerPolicy"):
        CallPolicy(answer="first_audio")  # type: ignore[arg-type]


def test_a_policy_comes_back_from_plain_values() -> None:
    policy = CallPolicy(answer=AnswerPolicy.FIRST_AUDIO, grace_s=1.25, end_on_audio_loss=True)
    assert policy_of(policy_document(policy)) == policy


@pytest.mark.parametrize("document", [{}, {"answer": "never"}, {"answer": "first_audio", "patience_s": 1}])
def test_what_is_no_policy_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="no policy of a call"):
        policy_of(document)
