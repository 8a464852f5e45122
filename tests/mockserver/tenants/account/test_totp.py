"""Codes by RFC 6238, and secrets as authenticator apps read them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.mockserver.tenants.account.scene import with_account

from offhook.errors import ConfigError
from offhook.secret import Secret
from offhook_mockserver.server import TenantBounds
from offhook_mockserver.tenants.account.totp import TotpSecret, decoded, read_uri

if TYPE_CHECKING:
    from offhook_mockserver.server import Tenant
    from offhook_mockserver.tenants.account.account import Account

#: RFC 6238, appendix B, with the secrets of its reference implementation.
_SEEDS = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("wall_s", "sha1", "sha256", "sha512"), VECTORS)
def test_the_vectors_of_the_rfc(wall_s: int, sha1: str, sha256: str, sha512: str) -> None:
    for algorithm, code in (("SHA1", sha1), ("SHA256", sha256), ("SHA512", sha512)):
        text = base64.b32encode(_SEEDS[algorithm]).decode()
        secret = TotpSecret(id="id", secret=Secret(text), created_s=0, algorithm=algorithm, digits=8)
        assert secret.code(wall_s + 0.9) == code
        assert secret.code(wall_s // 30 * 30) == code


def test_a_code_expires_at_the_end_of_its_period() -> None:
    secret = TotpSecret(id="id", secret=Secret("JBSWY3DPEHPK3PXP"), created_s=0)
    assert [secret.expires_in(wall_s) for wall_s in (0, 0.5, 29, 29.9, 30)] == [30, 30, 1, 1, 30]
    assert len(secret.code(0)) == 6


@pytest.mark.parametrize("text", ["JBSWY3DPEHPK3PXP", "jbsw y3dp ehpk 3pxp", "JBSW-Y3DP-EHPK-3PXP====", "MZXW6"])
def test_secrets_as_people_write_them(text: str) -> None:
    assert decoded(text) in {b"Hello!\xde\xad\xbe\xef", b"foo"}


@pytest.mark.parametrize("text", ["", "====", "A", "018", "JBSWY3DÄ", "A" * 257])
def test_what_is_not_base32_is_rejected_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="base32") as caught:
        decoded(text)
    assert not text or text not in str(caught.value).partition(":")[0]


def test_a_uri_says_all() -> None:
    uri = "otpauth://totp/Acme%20Co:ann@example.com?secret=JBSWY3DPEHPK3PXP&algorithm=sha256&digits=8&period=60"
    read = read_uri(uri)
    assert (read.secret, read.issuer, read.label) == ("JBSWY3DPEHPK3PXP", "Acme Co", "Acme Co:ann@example.com")
    assert (read.algorithm, read.digits, read.period) == ("SHA256", 8, 60)
    plain = read_uri("otpauth://totp/ann?secret=JBSWY3DPEHPK3PXP&issuer=Other")
    assert (plain.issuer, plain.label) == ("Other", "ann")
    assert (plain.algorithm, plain.digits, plain.period) == ("SHA1", 6, 30)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("https://totp/a?secret=JBSWY3DPEHPK3PXP", "must begin with otpauth://totp/"),
        ("otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP", "must begin with otpauth://totp/"),
        ("otpauth://totp/a", "has no secret"),
        ("otpauth://totp/a?secret=0", "not base32"),
        ("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=7", "digits must be 6 or 8"),
        ("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&digits=x", "digits must be 6 or 8"),
        ("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&period=0", "period must be"),
        ("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP&algorithm=MD5", "algorithm must be one of"),
        ("otpauth://[", "not a URI"),
        ("otpauth://totp/a?" + "&".join(f"a{index}=1" for index in range(30)), "not a URI"),
    ],
)
def test_a_wrong_uri_is_rejected(uri: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read_uri(uri)
    assert "JBSWY3DPEHPK3PXP" not in str(caught.value).replace("?secret=JBSWY3DPEHPK3PXP", "")


def test_secrets_are_kept_listed_and_deleted() -> None:
    async def test(account: Account, tenant: Tenant) -> None:
        first, second = account.totp.create(label="a"), account.totp.create(label="b")
        assert len(decoded(first.secret.reveal())) == 20
        assert first.secret.reveal() != second.secret.reveal()
        assert first.secret.reveal() not in repr(first)
        assert [secret.label for secret in account.totp] == ["a", "b"]
        with pytest.raises(ConfigError, match="would be too much"):
            account.totp.create(label="c")
        assert account.totp.delete(first.id)
        assert not account.totp.delete(first.id)
        third = account.totp.create(label="c")
        assert third.id not in {first.id, second.id}

    with_account(test, bounds=TenantBounds(account_items=2))
