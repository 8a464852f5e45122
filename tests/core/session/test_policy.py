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
    assert len(TIMERS) == 8
    assert all(0 < getattr(policy, name) < math.inf for name in TIMERS)
    assert policy.answer is AnswerPolicy.CALLEE_PUBLISHED


@pytest.mark.parametrize("name", TIMERS)
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "5", None])
def test_a_timer_must_be_a_finite_number_of_seconds(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be a positive, finite number of seconds, got {value!r}"):
        CallPolicy(**{name: value})  # type: ignore[arg-type]


def test_an_answer_policy_that_is_none_is_refused_before_anything_rings() -> None:
    with pytest.raises(ConfigError, match=r"answer must be one of .* Write AnswerPolicy.FIRST_AUDIO"):
        CallPolicy(answer="first_audio")  # type: ignore[arg-type]


def test_a_policy_is_restored_from_plain_values() -> None:
    policy = CallPolicy(answer=AnswerPolicy.FIRST_AUDIO, grace_s=1.25, end_on_audio_loss=True)
    assert policy_of(policy_document(policy)) == policy


@pytest.mark.parametrize("document", [{}, {"answer": "never"}, {"answer": "first_audio", "patience_s": 1}])
def test_an_invalid_policy_is_rejected(document: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="does not hold a valid call policy"):
        policy_of(document)
