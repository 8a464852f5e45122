"""Fields of requests: what they accept is what their schema accepts, and what they refuse they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from offhook.secret import MASK
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields, object_of, query_pairs
from offhook_mockserver.faces.operations.kinds import (
    Kind,
    WrongValue,
    anything,
    contact,
    dialled_number,
    e164_number,
    either,
    email,
    flag,
    iso_8601,
    list_of,
    null,
    number,
    one_of,
    text,
    url,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NESTED = Fields(Field("url", url, required=True), Field("secret", text(most=5)), extra=False)
KINDS: Mapping[str, Kind] = {
    "text": text(least=1, most=3),
    "patterned": text(pattern="[a-c]+"),
    "exact": text(pattern="[a-c]+", exact=True),
    "e164_number": e164_number,
    "email": email,
    "contact": contact,
    "url": url,
    "whole": whole(least=-2, most=100),
    "any whole": whole(),
    "number": number(least=0.5, most=2),
    "any number": number(),
    "flag": flag,
    "null": null,
    "anything": anything,
    "one_of": one_of("a", "b"),
    "list_of": list_of(whole(least=0), least=1, most=2),
    "either": either(flag, list_of(e164_number), object_of(NESTED)),
    "object_of": object_of(NESTED),
}
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "abcd",
        "+14155550123",
        "+1",
        "+1415555012345678",
        "a@b",
        "a b@c",
        "https://x",
        "http://",
        "ftp://x",
        "http://[",
        "٣",
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=4), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["url", "secret", "other"]), inner, max_size=3),
    ),
    max_leaves=5,
)


def problem_of(kind: Kind, value: object) -> str:
    """Why a value is not accepted, or ""."""
    try:
        kind.read(value, "it")
    except WrongValue as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", KINDS)
@given(value=VALUES)
@example(value=1.0)
@example(value=True)
@example(value=[1.0, 2])
@example(value={"url": "https://x"})
@settings(max_examples=60)
def test_a_kind_accepts_what_its_schema_accepts(name: str, value: object) -> None:
    kind = KINDS[name]
    valid = OAS31Validator(dict(kind.schema)).is_valid(value)
    assert (problem_of(kind, value) == "") == valid


@given(value=st.datetimes(timezones=st.timezones()))
@settings(max_examples=60)
def test_a_time_is_read_as_seconds_since_1970(value: object) -> None:
    from datetime import datetime

    assert isinstance(value, datetime)
    offset = value.utcoffset()
    assert offset is not None
    if offset.seconds % 60:  # a local time of the 19th century; RFC 3339 has no seconds in offsets
        return
    assert iso_8601.read(value.isoformat(), "it") == pytest.approx(value.timestamp(), abs=1e-3)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("1970-01-01", 0.0),
        ("1970-01-01T00:00:01", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01t01:00:00+01:00", 0.0),
        ("2024-02-29T00:00:00Z", 1_709_164_800.0),
        ("2000-03-01 00:00:00Z", 951_868_800.0),
    ],
)
def test_a_time_may_have_no_offset_or_be_a_day(given: str, seconds: float) -> None:
    assert iso_8601.read(given, "it") == seconds


@pytest.mark.parametrize(
    "given",
    [*("", "today", "2026-13-01", "2026-00-01", "2026-02-29", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z"), 7, None],
)
def test_what_is_not_a_time_is_refused(given: object) -> None:
    assert problem_of(iso_8601, given).startswith("it must be a time as in ISO 8601, for example")


FIELDS = Fields(
    Field("to", e164_number, required=True),
    Field("limit", whole(least=1, most=100), default=50),
    Field("tags", list_of(text())),
    Field("hook", object_of(NESTED)),
    Field("hooks", list_of(object_of(NESTED))),
)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "to is missing: pass an E.164 number, for example +14155550123"),
        ({"To": "1"}, "to is missing: pass an E.164 number, for example +14155550123; 'To' is there, did you mean to?"),
        ({"to": " 14155550123"}, "to begins with a blank where + must be: in a query, + is written %2B"),
        ({"to": None}, "to must be a string: pass an E.164 number, for example +14155550123"),
        ({"to": "1"}, "to has the wrong form: pass an E.164 number, for example +14155550123"),
        ({"to": "+14155550123", "limit": 0}, "limit must be a number from 1 to 100, got 0"),
        ({"to": "+14155550123", "limit": "1"}, "limit must be a whole number from 1 to 100"),
        ({"to": "+14155550123", "tags": [1]}, "tags[0] must be a string"),
        ({"to": "+14155550123", "hook": []}, "hook must be an object"),
        ({"to": "+14155550123", "hook": {}}, "hook.url is missing: pass a URL that begins with https:// or http://"),
        ({"to": "+14155550123", "hooks": [{"url": 1}]}, "hooks[0].url must be a string: pass a URL that begins with"),
        (
            {"to": "+14155550123", "hooks": [{"url": "https://x", "secrt": ""}]},
            "'hooks[0].secrt' is not a field of this request; did you mean secret?",
        ),
        (
            {"to": "+14155550123", "hooks": [{"url": "https://x", "type": ""}]},
            "'hooks[0].type' is not a field of this request; it has url and secret",
        ),
        ({"to": "+14155550123", "hook": {"url": "https://x", "secret": "123456"}}, "hook.secret must have 0 to 5"),
    ],
)
def test_a_refusal_names_the_field_and_what_to_pass(given: Mapping[str, object], says: str) -> None:
    with pytest.raises(WrongValue) as caught:
        FIELDS.read(given)
    assert str(caught.value).startswith(says)


def test_fields_that_are_left_out_have_their_default_or_are_not_there() -> None:
    assert FIELDS.read({"to": "+14155550123", "more": 1}) == {"to": "+14155550123", "limit": 50}
    assert Fields(Field("x", flag, default=None)).read({}) == {"x": None}


def test_a_query_is_read_by_the_kinds_of_its_fields() -> None:
    fields = Fields(
        Field("limit", whole()),
        Field("ratio", number()),
        Field("all", flag),
        Field("since", iso_8601),
        Field("tags", list_of(whole())),
        Field("either", either(whole(), one_of("all"))),
    )
    query = b"limit=-3&ratio=1.5e1&all=true&since=1970-01-01T00:00:09%2B00:00&tags=1,2&either=all&other=1&other=2"
    values = {"limit": -3, "ratio": 15.0, "all": True, "since": 9.0, "tags": [1, 2], "either": "all"}
    assert fields.read_pairs(query_pairs(query)) == values
    assert fields.read_pairs(query_pairs(b"either=7&tags=")) == {"either": 7, "tags": []}
    for wrong, says in (
        (b"limit=x", "limit must be a whole number"),
        (b"limit=", "limit must be a whole number"),
        (b"limit=1&limit=1", "limit is given twice"),
        (b"all=1", "all must be true or false"),
        (b"ratio=nan", "ratio must be a number"),
        (b"limit=99999999999999999999", "limit must be a whole number"),
    ):
        with pytest.raises(WrongValue, match=says):
            fields.read_pairs(query_pairs(wrong))


def test_a_lenient_reader_accepts_any_text_for_a_formatted_one() -> None:
    fields = Fields(*(Field(name, kind) for name, kind in KINDS.items()), Field("dialled", dialled_number))
    texts = {"e164_number", "email", "contact", "url", "dialled", "text", "patterned", "anything"}
    for name in texts:
        assert fields.read({name: "placeholder"}, lenient=True) == {name: "placeholder"}
    for name in {*KINDS, "dialled"} - texts:
        with pytest.raises(WrongValue):
            fields.read({name: "placeholder"}, lenient=True)
    with pytest.raises(WrongValue, match="must be a string"):
        fields.read({"url": 7}, lenient=True)
    nested = Fields(Field("numbers", list_of(e164_number)), Field("hooks", list_of(either(flag, object_of(NESTED)))))
    given = {"numbers": ["any"], "hooks": [{"url": "any"}, True]}
    assert nested.read(given, lenient=True) == given
    with pytest.raises(WrongValue, match=r"numbers\[0\] has the wrong form"):
        nested.read(given)


def test_secret_fields_are_not_noted() -> None:
    fields = Fields(Field("uri", text(), secret=True), Field("label", text()))
    assert fields.noted({"uri": "otpauth://x", "label": "y", "z": 1}) == {"uri": MASK, "label": "y", "z": 1}
    given = {"label": "y"}
    assert fields.noted(given) is given


def test_the_schema_says_what_is_known_of_a_field() -> None:
    fields = Fields(
        Field("x", flag, required=True, summary="What for.", grade=Grade.OBSERVED, source="an SDK"),
        Field("y", whole(least=0), default=3),
        extra=False,
    )
    assert fields.schema == {
        "type": "object",
        "properties": {
            "x": {
                "type": "boolean",
                "description": "What for.",
                "x-offhook-grade": "observed",
                "x-offhook-source": "an SDK",
            },
            "y": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1, "default": 3},
        },
        "required": ["x"],
        "additionalProperties": False,
    }


def test_a_whole_number_is_one_that_every_client_can_hold() -> None:
    fields = Fields(Field("n", whole(least=0)))
    most = 2**53 - 1
    assert fields.read_pairs([("n", f"{most}")]) == {"n": most}
    for text_of_n in (f"{most + 1}", "9" * 30):
        with pytest.raises(WrongValue, match="n must be"):
            fields.read_pairs([("n", text_of_n)])


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:9/hook",
        "https://me:secret@example.com?x=1",
        "http://[::1]:80/",
        "http://[2001:db8:0:0:0:0:0:1]",
    ],
)
def test_a_url(given: str) -> None:
    assert url.read(given, "url") == given


@pytest.mark.parametrize(
    "given", ["http://", "https://[", "http://[::1", "http://a b", "http://x:port", "http://x[0]/"]
)
def test_not_a_url(given: str) -> None:
    with pytest.raises(WrongValue, match="url has the wrong form"):
        url.read(given, "url")


@pytest.mark.parametrize(
    ("needed", "there"), [("steps", "step"), ("from_number", "from"), ("phoneNumber", "phone_number"), ("clip", "clop")]
)
def test_a_field_that_is_there_for_a_missing_one_is_named(needed: str, there: str) -> None:
    for extra in (True, False):
        with pytest.raises(WrongValue, match=f"{needed} is missing: .*; '{there}' is there, did you mean {needed}"):
            Fields(Field(needed, text(), required=True), extra=extra).read({there: "x"})
    with pytest.raises(WrongValue, match="'other' is there, which is not a field"):
        Fields(Field(needed, text(), required=True), extra=False).read({"other": "x"})
    with pytest.raises(WrongValue, match=f"pass {needed} or zone; '{there}' is there, did you mean {needed}"):
        Fields(Field(needed, text()), Field("zone", text()), any_of=(needed, "zone")).read({there: "x"})


def test_a_value_of_several_kinds_has_what_its_problems_share_once() -> None:
    with pytest.raises(WrongValue) as caught:
        contact.read("x", "number")
    assert str(caught.value) == (
        "number has the wrong form: pass an E.164 number, for example +14155550123, or pass an e-mail address"
    )
    with pytest.raises(WrongValue, match=r"^seed must be a string; or seed must be a whole number$"):
        either(text(), whole()).read([], "seed")
