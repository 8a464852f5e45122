"""The relay's messages: round trips, and a name for everything that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.secret import Secret
from offhook.session.events import LeaveReason
from offhook_wire import relay_protocol as protocol
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from offhook_wire.message import Message

PEER = protocol.PeerParameters(
    protocol.Ice("ufrag", "password-of-the-peer", (protocol.Candidate("127.0.0.1", 9),)),
    protocol.Dtls((protocol.Fingerprint("sha-256", "AB:CD"),)),
)
REQUEST = protocol.JoinRequest("a" * 32, "room", Secret("007secret-token"), 7, 5, PEER)
ANSWER = protocol.JoinAnswer("sid-of-the-member", 7, 111, (protocol.MemberInfo(8, 6, True),), PEER)
PEER_TEXT = (
    '"ice":{"ufrag":"ufrag","pwd":"password-of-the-peer","candidates":[{"ip":"127.0.0.1","port":9}]},'
    '"dtls":{"fingerprints":[{"algorithm":"sha-256","value":"AB:CD"}]}'
)
#: Messages and the bytes of protocol 2: no change of the code may change them.
OVER_HTTP: list[tuple[Message, str]] = [
    (
        REQUEST,
        '{"appId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","channel":"room","token":"007secret-token","uid":7,"ssrc":5,'
        f'"rejoin":false,{PEER_TEXT}}}',
    ),
    (
        ANSWER,
        '{"sid":"sid-of-the-member","uid":7,"payloadType":111,"members":[{"uid":8,"ssrc":6,"published":true}],'
        f"{PEER_TEXT}}}",
    ),
    (
        protocol.RefusalAnswer(protocol.Refusal("token_rejected", "expired", reason=9)),
        '{"error":{"code":"token_rejected","reason":9,"message":"expired"}}',
    ),
    (
        protocol.RefusalAnswer(protocol.Refusal("busy", "try again")),
        '{"error":{"code":"busy","reason":null,"message":"try again"}}',
    ),
    (protocol.Health(), '{"relay":"offhook","protocol":2}'),
]
EVENTS: list[tuple[protocol.RelayEvent, str]] = [
    (protocol.Joined(7, 5), '{"type":"joined","uid":7,"ssrc":5}'),
    (protocol.Published(7), '{"type":"published","uid":7}'),
    (protocol.Unpublished(7), '{"type":"unpublished","uid":7}'),
    (protocol.Left(7, LeaveReason.DROPPED), '{"type":"left","uid":7,"reason":"dropped"}'),
    (protocol.Kicked("replaced"), '{"type":"kicked","reason":"replaced"}'),
    (protocol.TokenExpiring(30), '{"type":"token_expiring","in_s":30}'),
    (protocol.Renewed(), '{"type":"renewed"}'),
    (protocol.RenewalRefused(9, "expired"), '{"type":"renewal_refused","reason":9,"message":"expired"}'),
]


@pytest.mark.parametrize(("message", "text"), OVER_HTTP, ids=lambda value: type(value).__name__)
def test_a_message_over_http_has_these_bytes(message: Message, text: str) -> None:
    assert message.to_text() == text
    assert type(message).parse(text).to_text() == text


def test_a_request_goes_over_the_wire() -> None:
    read = protocol.JoinRequest.parse(json.dumps(REQUEST.to_json()))
    assert read.token.matches("007secret-token")
    assert (read.app_id, read.channel, read.uid, read.ssrc, read.peer) == ("a" * 32, "room", 7, 5, PEER)


def test_an_answer_and_a_foreign_health_go_over_the_wire() -> None:
    assert protocol.JoinAnswer.parse(json.dumps(ANSWER.to_json())) == ANSWER
    assert protocol.Health.parse(b'{"relay":"offhook","protocol":3,"more":1}').protocol == 3


def test_a_refusal_may_say_more_than_we_know() -> None:
    answer = protocol.RefusalAnswer.parse('{"error":{"code":"busy","message":"try again","more":1},"more":1}')
    assert answer.error == protocol.Refusal("busy", "try again")


@pytest.mark.parametrize(("event", "text"), EVENTS, ids=lambda value: type(value).__name__)
def test_an_event_has_these_bytes(event: protocol.RelayEvent, text: str) -> None:
    assert protocol.encode(event) == text
    assert protocol.parse_event(text) == event


def test_the_legs_own_message_goes_over_the_wire() -> None:
    assert protocol.encode(protocol.Leave()) == '{"type":"leave"}'
    assert protocol.parse_client_message('{"type":"leave"}') == protocol.Leave()
    text = protocol.encode(protocol.Renew(Secret("007fresh-token")))
    assert text == '{"type":"renew","token":"007fresh-token"}'
    renew = protocol.parse_client_message(text)
    assert isinstance(renew, protocol.Renew)
    assert renew.token.matches("007fresh-token")
    assert "007fresh" not in repr(renew)


def test_secrets_are_not_shown() -> None:
    shown = repr(REQUEST) + repr(ANSWER)
    for secret in ("007secret-token", "password-of-the-peer", "sid-of-the-member"):
        assert secret not in shown


def changed(path: str, value: object) -> str:
    """The request's JSON with one place changed; `...` takes it out."""
    message = REQUEST.to_json()
    at: object = message
    *way, last = path.split("/")
    for step in way:
        at = at[int(step)] if isinstance(at, list) else cast("dict[str, object]", at)[step]
    target = cast("dict[str, object]", at)
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(message)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("appId", ..., "appId"),
        ("appId", "", "appId"),
        ("channel", 5, "channel"),
        ("channel", "x" * 300, "channel"),
        ("token", None, "token"),
        ("uid", -1, "uid"),
        ("uid", 2**32, "uid"),
        ("uid", True, "uid"),
        ("uid", 1.0, "uid"),
        ("ssrc", "5", "ssrc"),
        ("rejoin", ..., "rejoin"),
        ("rejoin", 1, "rejoin"),
        ("extra", 1, "extra"),
        ("ice", [], "ice"),
        ("ice/ufrag", ..., "ice.ufrag"),
        ("ice/candidates", {}, "ice.candidates"),
        ("ice/candidates", [1], "ice.candidates[0]"),
        ("ice/candidates", [{"ip": "::1", "port": 1}] * 17, "ice.candidates"),
        ("ice/candidates/0/port", 0, "ice.candidates[0].port"),
        ("ice/candidates/0/more", 0, "ice.candidates[0].more"),
        ("ice/lite", True, "ice.lite"),
        ("dtls/fingerprints", [], "dtls.fingerprints"),
        ("dtls/fingerprints/0/value", ..., "dtls.fingerprints[0].value"),
    ],
)
def test_the_bad_field_is_named(path: str, value: object, field: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        protocol.JoinRequest.parse(changed(path, value))
    assert refused.value.field == field
    assert "007secret-token" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', "[" * 100_000, "\udcff", b"\xff"])
def test_texts_that_are_not_a_json_object_are_rejected(text: str | bytes) -> None:
    for parse in (
        protocol.JoinRequest.parse,
        protocol.JoinAnswer.parse,
        protocol.RefusalAnswer.parse,
        protocol.Health.parse,
        protocol.parse_event,
        protocol.parse_client_message,
    ):
        with pytest.raises(ProtocolError, match="message must be"):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"exploded","uid":7}',
        '{"type":"left","uid":7,"reason":"bored"}',
        '{"type":"left","uid":7}',
        '{"type":"joined","uid":0,"ssrc":1}',
        '{"type":"kicked","reason":"x","uid":7}',
        '{"type":"token_expiring","in_s":0.5}',
        '{"type":"token_expiring","in_s":-1}',
        '{"type":"renewed","uid":7}',
        '{"type":"renewal_refused","reason":9}',
    ],
)
def test_an_event_of_another_protocol_is_rejected(text: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_event(text)
    with pytest.raises(ProtocolError, match="type"):
        protocol.parse_client_message(text)
    with pytest.raises(ProtocolError, match="relay"):
        protocol.Health.parse('{"relay":"other","protocol":1}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["appId", "channel", "token", "uid", "ssrc", "ice", "dtls"]), json_values)
def test_any_value_in_any_field_is_read_or_named(name: str, value: object) -> None:
    try:
        protocol.JoinRequest.parse(changed(name, value))
    except ProtocolError as error:
        assert error.field.startswith(name)  # noqa: PT017 - either outcome is right
