"""Encrypting and decrypting with the keys of aiortc's DTLS transport, and freeing what it holds."""

# pyright: reportPrivateUsage=false
# Using private names is what this package is for.
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

import pylibsrtp
from pylibsrtp import _binding

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCDtlsTransport

    from offhook_wire.aiortc_private.connection import LoopbackConnection

#: libsrtp rejected a packet (forged, replayed, damaged, a number too far back), or its buffer is too small for it.
SRTP_ERRORS: Final = (pylibsrtp.Error, ValueError)
#: libsrtp's functions, and what makes memory for C; neither has annotations.
_lib: Final[Any] = cast("Any", _binding).lib
_new: Final[Callable[[str], Any]] = cast("Any", _binding).ffi.new
_ERRORS: Final[tuple[str, ...]] = tuple(cast("Any", pylibsrtp).ERRORS)
#: What encrypting may append.
_RTP_TRAILER_BYTES: Final[int] = pylibsrtp.SRTP_MAX_TRAILER_LEN
_RTCP_TRAILER_BYTES: Final[int] = pylibsrtp.SRTP_MAX_SRTCP_TRAILER_LEN


class Ciphers:
    """The four directions of a transport whose handshake is over, as functions. They raise `SRTP_ERRORS`.

    pylibsrtp's own methods do the same; they make a counter for C in each call and look up what never changes.

    Args:
        dtls: the transport. Let go of this before `release`.

    Attributes:
        protect_rtp: encrypts an RTP packet.
        protect_rtcp: encrypts an RTCP packet.
        unprotect_rtp: decrypts an RTP packet.
        unprotect_rtcp: decrypts an RTCP packet.
    """

    __slots__ = ("protect_rtcp", "protect_rtp", "unprotect_rtcp", "unprotect_rtp")

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        tx, rx = dtls._tx_srtp, dtls._rx_srtp
        self.protect_rtp: Callable[[bytes], bytes] = _process(tx, _lib.srtp_protect, _RTP_TRAILER_BYTES)
        self.protect_rtcp: Callable[[bytes], bytes] = _process(tx, _lib.srtp_protect_rtcp, _RTCP_TRAILER_BYTES)
        self.unprotect_rtp: Callable[[bytes], bytes] = _process(rx, _lib.srtp_unprotect, 0)
        self.unprotect_rtcp: Callable[[bytes], bytes] = _process(rx, _lib.srtp_unprotect_rtcp, 0)


def _process(session: Any, function: Any, trailer_bytes: int) -> Callable[[bytes], bytes]:
    pointer, data, buffer = session._srtp[0], session._cdata, session._buffer
    size = _new("int *")
    most: int = len(data) - trailer_bytes
    succeeded: int = _lib.srtp_err_status_ok

    # `session` is bound so that the memory behind `pointer` lives as long as this function.
    def process(packet: bytes, session: Any = session) -> bytes:
        size[0] = length = len(packet)
        if length > most:
            raise ValueError("packet is too long")
        buffer[0:length] = packet
        status: int = function(pointer, data, size)
        if status != succeeded:
            raise pylibsrtp.Error(_ERRORS[status])
        result: bytes = buffer[0 : size[0]]
        return result

    return process


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
