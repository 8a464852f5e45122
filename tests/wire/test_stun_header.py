"""Whose a STUN message is, read before it is parsed, from whatever bytes arrive."""

from __future__ import annotations

import pytest
from aioice import stun

from offhook_wire import stun_header


def message(kind: stun.Class, **attributes: object) -> bytes:
    built = stun.Message(stun.Method.BINDING, kind, b"transaction!")
    built.attributes = attributes
    return bytes(built)


def test_the_receivers_name_is_before_the_colon() -> None:
    assert stun_header.ufrag_of(message(stun.Class.REQUEST, USERNAME="ours:theirs")) == b"ours"
    assert stun_header.ufrag_of(message(stun.Class.REQUEST, SOFTWARE="abcde", USERNAME="ours:theirs")) == b"ours"
    assert stun_header.ufrag_of(message(stun.Class.REQUEST, USERNAME="ours:theirs", PRIORITY=1)) == b"ours"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1",
        message(stun.Class.REQUEST),
        message(stun.Class.REQUEST, USERNAME="no colon"),
        message(stun.Class.REQUEST, SOFTWARE="ours:theirs"),
        message(stun.Class.REQUEST, USERNAME="ours:theirs")[:22],
        bytes(20) + b"\x80\x22\xff\xff" + bytes(8),
    ],
)
def test_without_a_name_there_is_none(data: bytes) -> None:
    assert stun_header.ufrag_of(data) == b""


def test_requests_are_told_from_answers() -> None:
    assert stun_header.is_request(message(stun.Class.REQUEST))
    for kind in (stun.Class.RESPONSE, stun.Class.ERROR, stun.Class.INDICATION):
        assert not stun_header.is_request(message(kind))
    assert not stun_header.is_request(message(stun.Class.REQUEST)[:19])


def test_an_answer_names_its_transaction() -> None:
    assert stun_header.transaction_of(message(stun.Class.RESPONSE)) == b"transaction!"
    assert stun_header.transaction_of(b"\0\1") == b""
