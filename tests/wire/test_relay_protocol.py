"""The relay's messages: round trips, and a name for everything that is wrong."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.secret import Secret
from offhook.session.events import LeaveReason
from offhook_wire import relay_protocol as protocol
from offhook_wire.strict_json import Fields, ProtocolError

PEER = protocol.PeerParameters(
    "ufrag", "password-of-the-peer", (protocol.Candidate("127.0.0.1", 9),), (protocol.Fingerprint("sha-256", "AB:CD"),)
)
REQUEST = protocol.JoinRequest("a" * 32, "room", Secret("007secret-token"), 7, 5, PEER)
ANSWER = protocol.JoinAnswer("sid-of-the-member", 7, 111, PEER, (protocol.MemberInfo(8, 6, True),))
EVENTS: list[protocol.RelayEvent] = [
    protocol.Joined(7, 5),
    protocol.Published(7),
    protocol.Unpublished(7),
    protocol.Left(7, LeaveReason.DROPPED),
    protocol.Kicked("replaced"),
    protocol.TokenExpiring(30),
    protocol.Renewed(),
    protocol.RenewalRefused(9, "expired"),
]


def test_a_request_goes_over_the_wire() -> None:
    read = protocol.JoinRequest.parse(json.dumps(REQUEST.to_json()))
    assert read.token.matches("007secret-token")
    assert (read.app_id, read.channel, read.uid, read.ssrc, read.peer) == ("a" * 32, "room", 7, 5, PEER)


def test_an_answer_a_refusal_and_the_health_go_over_the_wire() -> None:
    assert protocol.JoinAnswer.parse(json.dumps(ANSWER.to_json())) == ANSWER
    for refusal in (protocol.Refusal("busy", "try again"), protocol.Refusal("token_rejected", "expired", 9)):
        assert protocol.Refusal.parse(json.dumps(refusal.to_json())) == refusal
    assert protocol.Health().to_json() == {"relay": "offhook", "protocol": 2}
    assert protocol.Health.parse(b'{"relay":"offhook","protocol":3}').protocol == 3


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_goes_over_the_wire(event: protocol.RelayEvent) -> None:
    assert protocol.parse_event(protocol.encode(event)) == event


def test_the_legs_own_message_goes_over_the_wire() -> None:
    assert protocol.parse_client_message(protocol.encode(protocol.Leave())) == protocol.Leave()
    renew = protocol.parse_client_message(protocol.encode(protocol.Renew(Secret("007fresh-token"))))
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
def test_what_is_no_json_object_is_refused(text: str | bytes) -> None:
    for parse in (
        protocol.JoinRequest.parse,
        protocol.JoinAnswer.parse,
        protocol.Refusal.parse,
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
def test_an_event_of_another_protocol_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_event(text)
    with pytest.raises(ProtocolError, match="type"):
        protocol.parse_client_message(text)
    with pytest.raises(ProtocolError, match="relay"):
        protocol.Health.parse('{"relay":"other","protocol":1}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["appId", "channel", "token", "uid", "ssrc", "ice", "dtls"]), json_values)
def test_any_value_in_any_field_is_read_or_named(name: str, value: object) -> None:
    try:
        protocol.JoinRequest.parse(changed(name, value))
    except ProtocolError as error:
        assert error.field.startswith(name)  # noqa: PT017 - either outcome is right


def test_a_field_may_be_optional() -> None:
    for text, expected in (("{}", None), ('{"n":null}', None), ('{"n":5}', 5)):
        fields = Fields.of_text(text)
        assert fields.optional_integer("n", 0, 9) == expected
        fields.end()
