"""What a STUN message says before it is parsed: whose it is. Read in place; nothing is trusted or kept."""

from __future__ import annotations

from typing import Final

_HEADER_BYTES: Final = 20
#: First bytes of STUN are 0 to 3 (RFC 7983, section 7).
LAST_FIRST_BYTE: Final = 3
_USERNAME: Final = 0x0006
#: The two bits of the class in a message's type (RFC 8489, section 5).
_CLASS_BITS: Final = 0x0110


def is_request(data: bytes) -> bool:
    """Whether a message is a request, by its class."""
    return len(data) >= _HEADER_BYTES and not int.from_bytes(data[:2], "big") & _CLASS_BITS


def transaction_of(data: bytes) -> bytes:
    """The transaction's id, which a response repeats; shorter than 12 bytes if the message is truncated."""
    return data[8:_HEADER_BYTES]


def ufrag_of(data: bytes) -> bytes:
    """The receiver's name in a check: what is before the colon of USERNAME (RFC 8445, section 7.2.2); empty if none."""
    at = _HEADER_BYTES
    while at + 4 <= len(data):
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == _USERNAME:
            name, colon, _ = data[at + 4 : at + 4 + size].partition(b":")
            return name if colon else b""
        at += 4 + size + -size % 4
    return b""
