"""The request for a call: its numbers are checked when it is made, so an unchecked request cannot exist."""

from __future__ import annotations

import dataclasses

import pytest

from offhook import CallPolicy
from offhook.errors import NumberRejected
from offhook.interfaces import DialRequest

NUMBER, LINE = "+14155550123", "+18885550199"


@pytest.mark.fault("F11")
@pytest.mark.parametrize("number", ["+1911", "911", "4155550123", "+1415555012٣", "+14155550123\n", "+1 415 555 0123"])
def test_a_number_that_must_not_ring_makes_no_request(number: str) -> None:
    with pytest.raises(NumberRejected):
        DialRequest("call_1", number)
    with pytest.raises(NumberRejected):
        DialRequest("call_1", NUMBER, from_number=number)


def test_a_line_cannot_call_itself() -> None:
    with pytest.raises(NumberRejected, match="a line cannot call itself"):
        DialRequest("call_1", NUMBER, from_number=NUMBER)


def test_a_request_has_the_usual_policy_and_shows_no_number() -> None:
    request = DialRequest("call_1", NUMBER, line=f"a line {LINE}", from_number=LINE)
    assert request.policy == CallPolicy()
    assert NUMBER not in repr(request)
    assert LINE not in repr(request)
    assert dataclasses.replace(request, wall_s=7).number == NUMBER
