"""Agora's AccessToken2 ("007") for real-time channels: mint, parse and verify. No clock and no randomness inside.

A token is ``"007"`` and the base64 of a zlib stream holding ``string(signature)`` and the signed part; integers are
little-endian and a string is its uint16 length and its bytes. The signed part is the app id, the time of issue, the
life in seconds, a salt, and the services, the channel service (type 1) first. Layout and signing key follow
AgoraIO/Tools, ``DynamicKey/AgoraDynamicKey/python3/src/AccessToken2.py``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook.secret import Secret

VERSION: Final = "007"
#: A real token inflates to about 200 bytes; anything larger than this is not a token.
MAX_INFLATED_BYTES: Final = 8192
_MAX_TEXT: Final = 4096
_RTC_SERVICE: Final = 1
_HEX_32: Final = re.compile(r"[0-9a-fA-F]{32}")


class Privilege(IntEnum):
    """What a channel token allows."""

    JOIN = 1
    PUBLISH_AUDIO = 2
    PUBLISH_VIDEO = 3
    PUBLISH_DATA = 4


ALL: Final = tuple(Privilege)


class TokenReason(IntEnum):
    """Why a token is refused, as the numbers of Agora's connection-changed reason."""

    INVALID = 8
    EXPIRED = 9


class TokenInvalid(Exception):
    """A token is refused, for one of Agora's two reasons. The message never contains the token."""

    def __init__(self, reason: TokenReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A parsed token.

    Attributes:
        app_id: 32 hex digits.
        channel: the only channel that it is for.
        uid: the only uid that may use it, in decimal; empty when any uid may.
        issued_s: when it was made, in seconds since 1970.
        expire_s: its life in seconds.
        salt: random number in the signing key.
        privileges: when each privilege expires, in seconds after issue; 0 when it has no limit of its own.
        signature: HMAC-SHA256, 32 bytes.
        signed: the bytes that the signature covers.
    """

    app_id: str
    channel: str
    uid: str
    issued_s: int
    expire_s: int
    salt: int
    privileges: Mapping[int, int]
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)

    @property
    def expires_at_s(self) -> int:
        """The time when the token or its privilege to join expires, whichever is first, in seconds since 1970."""
        own = self.privileges.get(Privilege.JOIN, 0)
        return self.issued_s + (min(self.expire_s, own) if own else self.expire_s)


def mint(
    app_id: str,
    certificate: Secret,
    channel: str,
    uid: int = 0,
    *,
    issued_s: int,
    salt: int,
    expire_s: int = 3600,
    privileges: Iterable[int] = ALL,
) -> str:
    """Make a token.

    Args:
        app_id: 32 hex digits.
        certificate: the application's certificate, 32 hex digits.
        channel: the channel's name.
        uid: the only uid that may use it; 0 for any uid.
        issued_s: now, in seconds since 1970.
        salt: a random number from 1 to 99,999,999.
        expire_s: its life in seconds.
        privileges: what it allows; each lasts as long as the token.

    Raises:
        ValueError: app id or certificate is not 32 hex digits, or a number does not fit.
    """
    if not _HEX_32.fullmatch(app_id):
        raise ValueError("the app id must be 32 hex digits")
    if not _HEX_32.fullmatch(certificate.reveal()):
        raise ValueError("the app certificate must be 32 hex digits")
    granted = sorted(set(privileges))
    try:
        signed = b"".join(
            (
                _string(app_id),
                struct.pack("<IIIH", issued_s, expire_s, salt, 1),
                struct.pack("<HH", _RTC_SERVICE, len(granted)),
                *(struct.pack("<HI", privilege, 0) for privilege in granted),
                _string(channel),
                _string(str(uid) if uid else ""),
            )
        )
    except struct.error as error:
        raise ValueError(f"a number does not fit into the token: {error}") from None
    signature = _sign(certificate, issued_s, salt, signed)
    packed = _compressed(struct.pack("<H", len(signature)) + signature + signed)
    return VERSION + base64.b64encode(packed).decode("ascii")


def parse(token: str) -> AccessToken:
    """Parse a token without verifying it.

    Raises:
        TokenInvalid: it is not a token for a channel; always with `TokenReason.INVALID`.
    """
    try:
        return _parse(token)
    except (ValueError, struct.error, zlib.error, binascii.Error) as error:
        raise TokenInvalid(TokenReason.INVALID, f"not an AccessToken2 token: {error}") from None


def verify(token: Secret, *, app_id: str, certificate: Secret, channel: str, uid: int, now_s: float) -> AccessToken:
    """Verify a token as a channel's door does.

    Args:
        token: the token to verify.
        app_id: the application that owns the channel.
        certificate: its certificate.
        channel: the channel to join.
        uid: the uid to join as; 0 when the door chooses the uid, and then the token must be for any uid.
        now_s: seconds since 1970.

    Raises:
        TokenInvalid: reason 8 for a forged, damaged or foreign token, 9 for an expired one.
    """
    access = parse(token.reveal())
    expected = _sign(certificate, access.issued_s, access.salt, access.signed)
    if not hmac.compare_digest(access.signature, expected):
        raise TokenInvalid(
            TokenReason.INVALID,
            "the token's signature does not match: another certificate signed it, or it was changed",
        )
    if access.app_id != app_id:
        raise TokenInvalid(TokenReason.INVALID, "the token is for another app id")
    if access.channel != channel:
        raise TokenInvalid(TokenReason.INVALID, "the token is for another channel")
    if access.uid and access.uid != str(uid):
        raise TokenInvalid(TokenReason.INVALID, f"the token is for uid {access.uid}, not for {uid}")
    if Privilege.JOIN not in access.privileges:
        raise TokenInvalid(TokenReason.INVALID, "the token lacks the privilege to join")
    if now_s >= access.expires_at_s:
        raise TokenInvalid(TokenReason.EXPIRED, f"the token expired {now_s - access.expires_at_s:.0f} s ago")
    return access


def _parse(token: str) -> AccessToken:
    if not token.startswith(VERSION):
        raise ValueError(f"it does not begin with {VERSION}")
    if len(token) > _MAX_TEXT:
        raise ValueError("it is too long")
    inflater = zlib.decompressobj()
    raw = inflater.decompress(base64.b64decode(token[len(VERSION) :], validate=True), MAX_INFLATED_BYTES)
    if not inflater.eof or inflater.unconsumed_tail or inflater.unused_data:
        raise ValueError("it is truncated, too large, or followed by other data")
    reader = _Reader(raw)
    signature = reader.string()
    signed = reader.rest()
    app_id = reader.text()
    issued_s, expire_s, salt = reader.uint32(), reader.uint32(), reader.uint32()
    # Services are sorted by type, and the channel service has type 1, so it is the first service or it is missing.
    if reader.uint16() < 1 or reader.uint16() != _RTC_SERVICE:
        raise ValueError("has no channel service")
    privileges = {reader.uint16(): reader.uint32() for _ in range(reader.uint16())}
    channel, uid = reader.text(), reader.text()
    return AccessToken(app_id, channel, uid, issued_s, expire_s, salt, MappingProxyType(privileges), signature, signed)


class _Reader:
    """Little-endian fields one after the other; reading past the end raises `ValueError` or `struct.error`."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def uint16(self) -> int:
        return self._number("<H", 2)

    def uint32(self) -> int:
        return self._number("<I", 4)

    def string(self) -> bytes:
        length = self.uint16()
        value = self._raw[self._at : self._at + length]
        if len(value) != length:
            raise ValueError("contains a truncated text")
        self._at += length
        return value

    def text(self) -> str:
        return self.string().decode()

    def rest(self) -> bytes:
        return self._raw[self._at :]

    def _number(self, layout: str, size: int) -> int:
        (value,) = struct.unpack_from(layout, self._raw, self._at)
        self._at += size
        return int(value)


def _compressed(raw: bytes) -> bytes:
    """The same bytes as `zlib.compress` for so short a text, with tables of 1 KiB in place of 128 KiB.

    Fresh memory for large tables costs more than everything else about a token.
    """
    packer = zlib.compressobj(memLevel=1)
    return packer.compress(raw) + packer.flush()


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<H", len(encoded)) + encoded


def _sign(certificate: Secret, issued_s: int, salt: int, signed: bytes) -> bytes:
    key = hmac.digest(struct.pack("<I", issued_s), certificate.reveal().encode(), "sha256")
    return hmac.digest(hmac.digest(struct.pack("<I", salt), key, "sha256"), signed, "sha256")
