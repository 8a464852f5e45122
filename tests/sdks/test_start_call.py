"""Calls that are started through the SDK for Python, which has no method for them: its generic `post` does it.

The SDK sends a request again on its own. What that means for calls is seen here: one start-call can ring three times.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import sendblue_api
from sendblue_api import SendblueAPI

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

NUMBER = "+14155550123"
#: How often the SDK sends a request at most.
ATTEMPTS = 3


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the SDK sleeps before it sends a request again, in seconds; these tests do not wait for it."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def start_call(sdk: SendblueAPI, number: str = NUMBER, line: str = "+18885550199") -> Any:
    return sdk.post("/facetime/start-call", cast_to=object, body={"phoneNumber": number, "fromNumber": line})


@pytest.mark.offhook(allow=["calls_up"])
def test_the_documented_answer(offhook_mock: MockHandle) -> None:
    with SendblueAPI() as sdk:
        started = start_call(sdk, line=offhook_mock.line)
    assert started["status"] == "OK"
    assert started["agora"].keys() == {"appId", "channelName", "token", "uid"}
    (call,) = offhook_mock.calls
    assert started["agora"]["channelName"] == call.channel


@pytest.mark.parametrize(
    ("fault", "rings"),
    [
        ("status(429)", 0),
        ("retry_after(0)", 0),
        ("status(503)", 0),
        ("status(503, rings=True)", 3),
        ("lost_request()", 0),
        ("lost_answer()", 3),
    ],
)
@pytest.mark.offhook(allow=["calls_up"])
def test_a_start_call_that_fails_is_sent_three_times_and_may_ring_three_times(
    offhook_mock: MockHandle, pauses: list[float], fault: str, rings: int
) -> None:
    made = eval(f"faults.{fault}", {"faults": offhook_mock.faults})
    with SendblueAPI() as sdk, pytest.raises(sendblue_api.APIError):
        start_call(sdk)
    assert made.count == ATTEMPTS
    assert len(offhook_mock.calls) == rings
    first, second = pauses
    assert 0.3 < first <= 0.5  # half a second, less a part that is drawn
    assert 0.7 < second <= 1.0


@pytest.mark.parametrize(("value", "slept_s"), [("3", 3), ("60", 60), ("61", 0.5)])
def test_a_retry_after_of_at_most_a_minute_is_obeyed(
    offhook_mock: MockHandle, pauses: list[float], value: str, slept_s: float
) -> None:
    with (
        SendblueAPI(max_retries=1) as sdk,
        offhook_mock.faults.retry_after(value),
        pytest.raises(sendblue_api.RateLimitError),
    ):
        start_call(sdk)
    assert pauses == [pytest.approx(slept_s, abs=0.2)]


@pytest.mark.offhook(allow=["calls_up"])
def test_a_start_call_whose_answer_is_lost_once_rings_twice(offhook_mock: MockHandle) -> None:
    with SendblueAPI() as sdk, offhook_mock.faults.lost_answer(times=1):
        assert start_call(sdk)["status"] == "OK"
    assert len(offhook_mock.calls) == 2


@pytest.mark.offhook(allow=["calls_up"])
def test_without_retries_it_rings_once(offhook_mock: MockHandle) -> None:
    with (
        SendblueAPI(max_retries=0) as sdk,
        offhook_mock.faults.lost_answer() as fault,
        pytest.raises(sendblue_api.APIConnectionError),
    ):
        start_call(sdk)
    assert fault.count == len(offhook_mock.calls) == 1


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (400, "BadRequestError", 1),
        (401, "AuthenticationError", 1),
        (402, "APIStatusError", 1),
        (403, "PermissionDeniedError", 1),
        (404, "NotFoundError", 1),
        (405, "APIStatusError", 1),
        (408, "APIStatusError", ATTEMPTS),
        (409, "ConflictError", ATTEMPTS),
        (422, "UnprocessableEntityError", 1),
        (429, "RateLimitError", ATTEMPTS),
        (500, "InternalServerError", ATTEMPTS),
        (501, "InternalServerError", ATTEMPTS),
        (503, "InternalServerError", ATTEMPTS),
    ],
)
def test_the_class_of_the_error_follows_from_the_status(
    offhook_mock: MockHandle, status: int, error: str, attempts: int
) -> None:
    with (
        SendblueAPI() as sdk,
        offhook_mock.faults.status(status) as fault,
        pytest.raises(sendblue_api.APIStatusError) as raised,
    ):
        start_call(sdk)
    assert type(raised.value).__name__ == error
    assert raised.value.status_code == status
    assert raised.value.body == {"status": "ERROR", "message": "a fault of the test"}
    assert fault.count == attempts


def test_refusals_of_the_mock_itself(offhook_mock: MockHandle) -> None:
    with SendblueAPI() as sdk:
        with pytest.raises(sendblue_api.BadRequestError, match="phoneNumber"):
            start_call(sdk, number="no number")
        with pytest.raises(sendblue_api.AuthenticationError):
            start_call(sdk.with_options(api_secret="wrong"))
    assert not offhook_mock.calls


@pytest.mark.offhook(allow=["unexpected_requests"])
def test_a_lenient_operation_of_a_strict_mock_is_refused_with_the_nearest_match(offhook_mock: MockHandle) -> None:
    with SendblueAPI(max_retries=0) as sdk, pytest.raises(sendblue_api.InternalServerError, match="/api/") as raised:
        sdk.location.list(from_number=offhook_mock.line)
    assert raised.value.status_code == 501
