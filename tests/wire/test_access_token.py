"""AccessToken2: Agora's own known answers, round trips, tampering, hostile texts."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.secret import Secret
from offhook_wire.access_token import (
    ALL,
    MAX_INFLATED_BYTES,
    Privilege,
    TokenInvalid,
    TokenReason,
    mint,
    parse,
    verify,
)

# The known answers that Agora's builders in all languages are tested with (AgoraIO/Tools, DynamicKey).
AGORA_APP_ID = "970CA35de60c44645bbae8a215061b33"
AGORA_CERTIFICATE = Secret("5CFd2fd1755d40ecb72977518be15d3b")
AGORA_CHANNEL = "7d72365eb983485397e3e3f9d460bdda"
AGORA_UID = 2882341273
AGORA_TOKEN = (
    "007eJxTYBBbsMMnKq7p9Hf/HcIX5kce9b518kCiQgSr5Zrp4X1Tu6UUGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yN3b8IMEQwMTAwMoAw"
    "BIL4CgzmKeZGxmamqUmWFsYmFqbGluapxqnGaZYpJmYGSSkpiVwMRhYWRsYmhkbmxgDCaiTj"
)
AGORA_TOKEN_ANY_UID = (
    "007eJxTYLhzZP08Lxa1Pg57+TcXb/3cZ3wi4V6kbpbOog0G2dOYk20UGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yN3b8IMEQwMTAwMoAw"
    "BIL4CgzmKeZGxmamqUmWFsYmFqbGluapxqnGaZYpJmYGSSkpiQwMADacImo="
)

APP_ID = "0123456789abcdef" * 2
CERTIFICATE = Secret("fedcba9876543210" * 2)
NOW_S = 1_700_000_000


def made(uid: int = 7, *, issued_s: int = NOW_S, salt: int = 5, expire_s: int = 3600) -> Secret:
    return Secret(mint(APP_ID, CERTIFICATE, "room", uid, issued_s=issued_s, salt=salt, expire_s=expire_s))


def judge(
    token: Secret, *, certificate: Secret = CERTIFICATE, channel: str = "room", uid: int = 7, now_s: float = NOW_S
) -> None:
    verify(token, app_id=APP_ID, certificate=certificate, channel=channel, uid=uid, now_s=now_s)


def reason_of(token: Secret, *, uid: int = 7, now_s: float = NOW_S) -> TokenReason:
    with pytest.raises(TokenInvalid) as refused:
        judge(token, uid=uid, now_s=now_s)
    assert len(token.reveal()) < 20 or token.reveal() not in str(refused.value)
    return refused.value.reason


@pytest.mark.parametrize(("text", "uid"), [(AGORA_TOKEN, str(AGORA_UID)), (AGORA_TOKEN_ANY_UID, "")])
def test_agoras_own_tokens_are_read_and_accepted(text: str, uid: str) -> None:
    access = parse(text)
    assert (access.app_id, access.channel, access.uid) == (AGORA_APP_ID, AGORA_CHANNEL, uid)
    assert (access.issued_s, access.expire_s, access.salt) == (1_111_111, 600, 1)
    assert access.privileges == {Privilege.JOIN: 600}
    assert access.expires_at_s == 1_111_711
    verify(
        Secret(text),
        app_id=AGORA_APP_ID,
        certificate=AGORA_CERTIFICATE,
        channel=AGORA_CHANNEL,
        uid=AGORA_UID,
        now_s=1_111_710,
    )


def test_ours_and_agoras_differ_only_in_the_privileges_own_time() -> None:
    ours = parse(
        mint(
            AGORA_APP_ID,
            AGORA_CERTIFICATE,
            AGORA_CHANNEL,
            AGORA_UID,
            issued_s=1_111_111,
            salt=1,
            expire_s=600,
            privileges=[Privilege.JOIN],
        )
    )
    theirs = parse(AGORA_TOKEN)
    own_time = (600).to_bytes(4, "little")
    assert theirs.signed.replace(b"\1\0" + own_time + b"\x20", b"\1\0" + bytes(4) + b"\x20") == ours.signed


@given(
    channel=st.text(min_size=1, max_size=64),
    uid=st.integers(0, 2**32 - 1),
    issued_s=st.integers(0, 2**32 - 1),
    expire_s=st.integers(1, 2**32 - 1),
    salt=st.integers(1, 99_999_999),
    privileges=st.sets(st.sampled_from(ALL), min_size=1).map(lambda some: {Privilege.JOIN, *some}),
)
def test_round_trip(
    channel: str, uid: int, issued_s: int, expire_s: int, salt: int, privileges: set[Privilege]
) -> None:
    try:
        channel.encode()
    except UnicodeEncodeError:
        return
    token = mint(
        APP_ID, CERTIFICATE, channel, uid, issued_s=issued_s, salt=salt, expire_s=expire_s, privileges=privileges
    )
    access = verify(
        Secret(token), app_id=APP_ID, certificate=CERTIFICATE, channel=channel, uid=uid, now_s=float(issued_s)
    )
    assert (access.channel, access.uid) == (channel, str(uid) if uid else "")
    assert (access.issued_s, access.expire_s, access.salt) == (issued_s, expire_s, salt)
    assert set(access.privileges) == privileges


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_every_flipped_bit_of_the_content_is_noticed(position: int, bit: int) -> None:
    raw = bytearray(zlib.decompress(base64.b64decode(made().reveal()[3:])))
    raw[position % len(raw)] ^= 1 << bit
    forged = Secret("007" + base64.b64encode(zlib.compress(bytes(raw))).decode())
    assert reason_of(forged) is TokenReason.INVALID


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: "007" + base64.b64encode(raw).decode()))
def test_any_other_text_is_invalid_and_nothing_else(text: str) -> None:
    assert reason_of(Secret(text)) is TokenReason.INVALID


@given(st.binary(max_size=300))
def test_any_other_content_is_invalid_and_nothing_else(raw: bytes) -> None:
    text = "007" + base64.b64encode(zlib.compress(raw)).decode()
    assert reason_of(Secret(text)) is TokenReason.INVALID


def test_inflating_is_bounded() -> None:
    bomb = "007" + base64.b64encode(zlib.compress(bytes(2_500_000))).decode()
    assert len(bomb) < 4096, "the text alone does not give it away"
    tracemalloc.start()
    assert reason_of(Secret(bomb)) is TokenReason.INVALID
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * MAX_INFLATED_BYTES
    assert reason_of(Secret(made().reveal() + "A" * 5000)) is TokenReason.INVALID


def test_what_a_token_is_good_for() -> None:
    token = made()
    judge(token)
    judge(made(uid=0), uid=99)
    assert reason_of(token, uid=8) is TokenReason.INVALID
    assert reason_of(token, uid=0) is TokenReason.INVALID
    with pytest.raises(TokenInvalid, match="channel"):
        judge(token, channel="another")
    with pytest.raises(TokenInvalid, match="signature"):
        judge(token, certificate=Secret("0" * 32))
    with pytest.raises(TokenInvalid, match="app id"):
        verify(token, app_id="f" * 32, certificate=CERTIFICATE, channel="room", uid=7, now_s=NOW_S)
    with pytest.raises(TokenInvalid, match="privilege to join"):
        judge(Secret(mint(APP_ID, CERTIFICATE, "room", 7, issued_s=NOW_S, salt=1, privileges=[2])))


def test_it_expires_to_the_second_and_with_reason_9() -> None:
    token = made(expire_s=10)
    judge(token, now_s=NOW_S + 9.9)
    assert reason_of(token, now_s=NOW_S + 10) is TokenReason.EXPIRED
    assert (int(TokenReason.INVALID), int(TokenReason.EXPIRED)) == (8, 9)


def test_the_same_input_makes_the_same_token() -> None:
    assert made().reveal() == made().reveal() != made(salt=6).reveal()


@pytest.mark.parametrize(
    ("app_id", "certificate", "expire_s"),
    [
        ("short", CERTIFICATE, 1),
        (APP_ID, Secret("g" * 32), 1),
        (APP_ID, CERTIFICATE, -1),
        (APP_ID + "\n", CERTIFICATE, 1),
    ],
)
def test_bad_arguments_of_mint_are_rejected(app_id: str, certificate: Secret, expire_s: int) -> None:
    with pytest.raises(ValueError) as refused:
        mint(app_id, certificate, "room", issued_s=NOW_S, salt=1, expire_s=expire_s)
    assert certificate.reveal() not in str(refused.value)


def test_the_signature_is_not_shown() -> None:
    assert "signature" not in repr(parse(made().reveal()))
