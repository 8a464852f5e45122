"""What an answer to start-call means, status by status and field by field."""

from __future__ import annotations

import json

import pytest

from offhook.errors import (
    CarrierError,
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
)
from offhook.secret import Secret
from offhook_sendblue import answer as answer_module
from offhook_sendblue.answer import grant_of, retry_after_s
from offhook_sendblue.exchange import HttpAnswer

TOKEN = "007eJxTYDhw4MCBAwcOHDhw4MCB"
#: The documented example, but for its token, which the page cuts short.
AGORA = {
    "appId": "a1b2c3d4e5f6789012345678abcdef90",
    "channelName": "ft_call_9f8e7d6c5b4a3210",
    "token": TOKEN,
    "uid": 0,
}
NOW_S = 1_795_000_000.0


def documented(**changed: object) -> dict[str, object]:
    return {"status": "OK", "message": "Call started", "agora": {**AGORA, **changed}}


def judge(body: object, status: int = 200, headers: dict[str, str] | None = None) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return grant_of(HttpAnswer(status, headers or {}, raw), endpoint="http://127.0.0.1:1", now_s=NOW_S)


def refusal(body: object, status: int = 200, headers: dict[str, str] | None = None) -> CarrierError:
    with pytest.raises(CarrierError) as caught:
        judge(body, status, headers)
    return caught.value


def test_the_documented_answer_is_a_grant() -> None:
    grant = grant_of(HttpAnswer(200, {}, json.dumps(documented()).encode()), endpoint=None, now_s=NOW_S)
    assert (grant.app_id, grant.channel, grant.uid, grant.endpoint) == (AGORA["appId"], AGORA["channelName"], 0, None)
    assert grant.token.reveal() == TOKEN
    assert TOKEN not in repr(grant)


@pytest.mark.fault("F7")
def test_fields_that_are_not_documented_are_ignored() -> None:
    assert judge({**documented(region="us"), "callId": 7})


@pytest.mark.parametrize("uid", [0, 1, 2**32 - 1])
def test_every_32_bit_uid_is_accepted(uid: int) -> None:
    assert judge(documented(uid=uid))


@pytest.mark.fault("F7")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("uid", value) for value in ("0", True, False, None, -1, 2**32, 0.0, [0])],
        *[("token", value) for value in ("", None, 7, "x" * 4097, "two words", "line\n")],
        *[("channelName", value) for value in ("", None, 7, "x" * 257, "a\nb", "a\0")],
        *[("appId", value) for value in ("", None, 7, "a" * 31, "a" * 33, "g" * 32, "a" * 32 + "\n")],
    ],
)
def test_a_wrong_field_is_named_by_its_path_and_not_shown(field: str, value: object) -> None:
    error = refusal(documented(**{field: value}))
    assert isinstance(error, CarrierProtocolError)
    assert f"agora.{field}" in error.message
    assert TOKEN not in error.message


@pytest.mark.fault("F7")
@pytest.mark.parametrize("field", AGORA)
def test_a_missing_field_is_named_by_its_path(field: str) -> None:
    body = {"status": "OK", "agora": {name: value for name, value in AGORA.items() if name != field}}
    assert f"agora.{field}" in refusal(body).message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"agora": AGORA}, "status"),
        ({"status": 1, "agora": AGORA}, "status"),
        ({"status": "OK"}, "agora"),
        ({"status": "OK", "agora": [AGORA]}, "agora"),
    ],
)
def test_a_wrong_envelope_is_named_by_its_path(body: object, path: str) -> None:
    error = refusal(body)
    assert isinstance(error, CarrierProtocolError)
    assert f" {path} " in error.message


@pytest.mark.fault("F8")
@pytest.mark.parametrize("status", ["ERROR", "error", "ok", "QUEUED", ""])
def test_a_200_with_another_status_is_a_refusal(status: str) -> None:
    error = refusal({"status": status, "message": "no FaceTime for you", "agora": AGORA})
    assert isinstance(error, RequestRejected)
    assert "no FaceTime for you" in error.message


@pytest.mark.fault("F3")
@pytest.mark.fault("F4")
@pytest.mark.fault("F5")
@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(status, CredentialsRejected) for status in (401, 403)],
        *[(status, RequestRejected) for status in (400, 402, 404, 405, 409, 413, 415, 422)],
        (429, RateLimited),
        *[(status, CarrierUnavailable) for status in (500, 501, 502, 503, 504)],
        *[(status, CarrierProtocolError) for status in (301, 302, 303, 307, 308, 304)],
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"status": "ERROR", "message": "say why"},
        {"error": "say why"},
        {"error": {"code": "x", "message": "say why"}},
        {"error_message": "say why"},
        b"<html>say why</html>",
    ],
)
def test_every_status_has_its_class_in_every_error_shape(status: int, kind: type[CarrierError], body: object) -> None:
    error = refusal(body, status)
    assert type(error) is kind
    assert str(status) in error.message
    if status >= 400:
        assert "say why" in error.message


@pytest.mark.parametrize("status", [402, 403, 404, 501])
def test_statuses_that_may_mean_no_facetime_line_say_so(status: int) -> None:
    assert "FaceTime line" in refusal({}, status).message


@pytest.mark.fault("F3")
def test_rejected_keys_are_named_by_header_and_variable() -> None:
    message = refusal({}, 401).message
    for name in ("sb-api-key-id", "sb-api-secret-key", "SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET"):
        assert name in message


@pytest.mark.fault("F5")
@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("1e999", None),
        ("٣", None),
        ("30", 30.0),
        (" 30 ", 30.0),
        ("3\x1f", 3.0),
        ("-5", 0.0),
        ("1000000000", 3600.0),
        ("Wed, 18 Nov 2026 09:47:40 GMT", 1_794_995_260 - NOW_S),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(value: str | None, wait_s: float | None) -> None:
    expected = None if wait_s is None else min(max(wait_s, 0.0), 3600.0)
    assert retry_after_s(value, NOW_S) == expected


def test_a_date_in_the_future_is_a_wait() -> None:
    import email.utils

    assert retry_after_s(email.utils.formatdate(NOW_S + 42, usegmt=True), NOW_S) == 42
    assert retry_after_s("Fri, 31 Dec 9999 23:59:59 GMT", NOW_S) == 3600


def test_the_wait_is_on_the_error() -> None:
    error = refusal({}, 429, {"retry-after": "7"})
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 7


@pytest.mark.fault("F4")
@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b"<html>hello</html>", b"\xff\xfe", b"[" * 60_000])
def test_a_200_that_is_not_a_json_object_is_quoted_in_part(body: bytes) -> None:
    error = refusal(body)
    assert isinstance(error, CarrierProtocolError)
    assert len(error.message) < 500
    assert body.decode("ascii", "ignore")[:10] in error.message


@pytest.mark.fault("F9")
def test_a_compressed_or_oversized_answer_is_rejected() -> None:
    assert "compressed" in refusal(documented(), 200, {"content-encoding": "gzip"}).message
    with pytest.raises(CarrierProtocolError, match="too large"):
        grant_of(HttpAnswer(200, {}, b"", oversized=True), endpoint=None, now_s=NOW_S)


@pytest.mark.fault("F7")
def test_an_answer_with_a_field_twice_is_not_a_grant() -> None:
    """Another reader could take the other one."""
    text = json.dumps(documented())
    twice = text.replace('"uid"', f'"token": "{TOKEN}", "uid"')
    message = refusal(twice.encode()).message
    assert "has a field twice ('token')" in message
    assert TOKEN not in message
    named = text.replace('"uid"', f'"{TOKEN}": 1, "{TOKEN}": 2, "uid"')
    assert TOKEN[:16] not in refusal(named.encode()).message
    assert "not a JSON object" in refusal(b"[" * 100_000).message
    assert (
        "not a JSON object"
        in refusal(text.replace('"Call started"', r'"\\ud800"').replace("\\\\", "\\").encode()).message
    )


@pytest.mark.fault("F4")
@pytest.mark.parametrize("status", [400, 401, 500])
def test_texts_of_the_carrier_are_redacted_cleaned_and_cut(status: int) -> None:
    secret = Secret("SENTINEL-secret")
    # The excerpt's end falls into the secret: it must have been blacked out before.
    said = "\x1b[31m" + "y " * 93 + secret.reveal() + " y" * 5000
    message = refusal({"message": said}, status).message
    assert "y y y" in message
    assert secret.reveal()[:4] not in message
    assert "\x1b" not in message
    assert len(message) < 700
    assert TOKEN[:10] not in refusal({"message": f"your token is {TOKEN}"}, status).message


GZIP = {"content-encoding": "gzip"}


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("body", "status", "headers", "may_have_rung"),
    [
        *[({"message": "no"}, status, {}, True) for status in (408, 500, 501, 502, 503, 504)],
        *[(b"", status, {"location": "https://elsewhere.example"}, True) for status in (301, 302, 303, 307, 308, 304)],
        *[(body, 200, {}, True) for body in (b"", b"OK", b"[]", b"<html>hello</html>", b"\xff\xfe", b"{")],
        (b"", 204, {}, True),
        (documented(), 200, GZIP, True),
        ({"agora": AGORA}, 200, {}, True),
        ({"status": "OK"}, 200, {}, True),
        *[(documented(**{field: None}), 200, {}, True) for field in AGORA],
        *[({"message": "no"}, status, {}, False) for status in (400, 401, 402, 403, 404, 409, 422, 429)],
        (b"<html>no</html>", 400, GZIP, False),
        *[({"status": status, "agora": AGORA}, 200, {}, False) for status in ("ERROR", "QUEUED", "")],
    ],
)
def test_only_a_refusal_means_that_no_phone_rang(
    body: object, status: int, headers: dict[str, str], may_have_rung: bool
) -> None:
    error = refusal(body, status, headers)
    assert error.may_have_rung is may_have_rung
    assert ("The callee's phone may have rung" in error.message) is may_have_rung


@pytest.mark.parametrize(("status", "may_have_rung"), [(200, True), (302, True), (503, True), (403, False)])
def test_an_answer_without_end_is_judged_by_its_status(status: int, may_have_rung: bool) -> None:
    with pytest.raises(CarrierError) as caught:
        grant_of(HttpAnswer(status, {}, b"", oversized=True), endpoint=None, now_s=NOW_S)
    assert caught.value.may_have_rung is may_have_rung
    assert ("may have rung" in caught.value.message) is may_have_rung


def test_a_status_that_is_not_ok_says_what_to_do() -> None:
    message = refusal({"status": "ERROR", "message": "no"}).message
    assert "check the number you call" in message
    assert "OFFHOOK_FROM_NUMBER" in message


@pytest.mark.parametrize("said", ["fromNumber +18885550199 is no line of yours", "bad from_number", "From number?"])
def test_a_refused_from_number_is_named_by_its_variable(said: str) -> None:
    assert "OFFHOOK_FROM_NUMBER" in refusal({"message": said}, 400).message
    assert "OFFHOOK_FROM_NUMBER" not in refusal({"message": "phoneNumber is missing"}, 400).message


def test_a_number_that_the_carrier_repeats_is_masked() -> None:
    text = answer_module._excerpt("no call to +14155550123 from 14155550199")
    assert text == "no call to +1415•••0123 from 14155•••0199"
