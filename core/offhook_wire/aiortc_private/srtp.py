"""Encrypting and decrypting with the keys of aiortc's DTLS transport, and freeing what it holds."""

# pyright: reportPrivateUsage=false
# Using private names is what this package is for.
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

import pylibsrtp

if TYPE_CHECKING:
    from aiortc import RTCDtlsTransport

    from offhook_wire.aiortc_private.connection import LoopbackConnection

#: libsrtp rejected a packet (forged, replayed, damaged, a number too far back), or its buffer is too small for it.
SRTP_ERRORS: Final = (pylibsrtp.Error, ValueError)


def protect_rtp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Encrypt an RTP packet. The handshake must be over. Raises `SRTP_ERRORS`."""
    return bytes(dtls._tx_srtp.protect(data))


def protect_rtcp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Encrypt an RTCP packet. The handshake must be over. Raises `SRTP_ERRORS`."""
    return bytes(dtls._tx_srtp.protect_rtcp(data))


def unprotect_rtp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Decrypt an RTP packet. Raises `SRTP_ERRORS`."""
    return bytes(dtls._rx_srtp.unprotect(data))


def unprotect_rtcp(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """Decrypt an RTCP packet. Raises `SRTP_ERRORS`."""
    return bytes(dtls._rx_srtp.unprotect_rtcp(data))


def forget_ssrc(dtls: RTCDtlsTransport, ssrc: int) -> None:
    """Free what libsrtp keeps to decrypt an SSRC; its next packet would begin anew."""
    with contextlib.suppress(pylibsrtp.Error):  # it is gone already
        dtls._rx_srtp.remove_stream(ssrc)


def release(dtls: RTCDtlsTransport, connection: LoopbackConnection) -> None:
    """Free what a transport that was stopped holds in C libraries, and undo the circles of its connection.

    Python would free both too, once it looks for circles; until then it knows nothing of the size of the former.
    """
    stopped = cast("Any", dtls)  # aiortc's annotations do not say that these are None at first
    stopped._ssl = stopped._rx_srtp = stopped._tx_srtp = None
    connection._check_list.clear()
    connection._early_checks.clear()
    connection.on_media = _drop


def _drop(data: bytes) -> None:
    """Take media after the end."""
