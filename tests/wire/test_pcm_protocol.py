"""The PCM door's messages: their bytes, and what only they check."""

from __future__ import annotations

import pytest

from offhook.secret import Secret
from offhook.session import LeaveReason
from offhook_wire import pcm_protocol as protocol
from offhook_wire import relay_protocol as relay
from offhook_wire.strict_json import ProtocolError

EVENTS: list[tuple[protocol.PcmEvent, str]] = [
    (
        protocol.Welcome(7, 16_000, "place", (protocol.Present(9, True),)),
        '{"type":"welcome","uid":7,"rate_hz":16000,"place":"place","members":[{"uid":9,"published":true}]}',
    ),
    (
        relay.Refusal("token_rejected", "expired", reason=9),
        '{"type":"refused","code":"token_rejected","reason":9,"message":"expired"}',
    ),
    (relay.Refusal("busy", "try again"), '{"type":"refused","code":"busy","reason":null,"message":"try again"}'),
    (protocol.Joined(7), '{"type":"joined","uid":7}'),
    (relay.Published(7), '{"type":"published","uid":7}'),
    (relay.Left(7, LeaveReason.QUIT), '{"type":"left","uid":7,"reason":"quit"}'),
]
CLIENT_MESSAGES: list[tuple[protocol.PcmClientMessage, str]] = [
    (relay.Leave(), '{"type":"leave"}'),
    (protocol.Unpublish(), '{"type":"unpublish"}'),
    (protocol.Misuse("name", "what"), '{"type":"misuse","name":"name","detail":"what"}'),
]
JOINS = [
    (protocol.Join("a", "b", Secret("c")), '{"type":"join","app_id":"a","channel":"b","token":"c","uid":0}'),
    (
        protocol.Join("a", "b", Secret("c"), 7, "place"),
        '{"type":"join","app_id":"a","channel":"b","token":"c","uid":7,"rejoin":"place"}',
    ),
]


@pytest.mark.parametrize(("event", "text"), EVENTS)
def test_an_event_has_these_bytes(event: protocol.PcmEvent, text: str) -> None:
    assert protocol.encode(event) == text
    assert protocol.parse_event(text) == event


@pytest.mark.parametrize(("message", "text"), CLIENT_MESSAGES)
def test_a_clients_message_has_these_bytes(message: protocol.PcmClientMessage, text: str) -> None:
    assert protocol.encode(message) == text
    assert protocol.parse_client_message(text) == message


@pytest.mark.parametrize(("join", "text"), JOINS)
def test_a_join_has_these_bytes(join: protocol.Join, text: str) -> None:
    assert protocol.encode(join) == text
    assert protocol.encode(protocol.Join.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"leave"}', "type must be join"),
        ('{"type":"join","app_id":"a","channel":"b","token":"c","uid":0,"rejoin":"p"}', "uid must be the uid of the"),
        ('{"type":"join","app_id":"a","channel":"b","token":"c","uid":7,"rejoin":""}', "rejoin must be a text"),
        ('{"type":"join","app_id":"a","channel":"b","token":"c"}', "uid is missing"),
    ],
)
def test_messages_that_are_not_a_join_are_rejected(text: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{message}"):
        protocol.Join.parse(text)


@pytest.mark.parametrize("rate_hz", [7_999, 48_001])
def test_the_rate_of_a_welcome_is_one_of_opus(rate_hz: int) -> None:
    with pytest.raises(ProtocolError, match=r"^rate_hz must be an integer from 8000 to 48000$"):
        protocol.parse_event(f'{{"type":"welcome","uid":7,"rate_hz":{rate_hz},"place":"p","members":[]}}')
