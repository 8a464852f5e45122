"""The only package that uses names which aiortc, aioice and pylibsrtp do not promise; their versions are pinned.

It changes five things, each on one object and never process-wide: ICE gathers loopback addresses and nothing else,
its checks start at once instead of one every 20 ms, the socket passes media to a callback without queue or task (and
may be shared by many agents), what any program can send to that socket is dropped and counted before aiortc or aioice
raises, logs or keeps it, and a certificate makes one TLS context for all its connections. The contract test asserts
each name by name, and one behaviour of each override.
"""

from __future__ import annotations

from offhook_wire.aiortc_private.certificate import SharedCertificate
from offhook_wire.aiortc_private.connection import (
    LOOPBACK_ADDRESSES,
    MAX_REMOTE_ADDRESSES,
    MAX_WAITING_DTLS,
    LoopbackConnection,
)
from offhook_wire.aiortc_private.gatherer import LoopbackGatherer
from offhook_wire.aiortc_private.srtp import (
    SRTP_ERRORS,
    Ciphers,
    forget_ssrc,
    release,
)
from offhook_wire.udp_socket import MAX_DATAGRAM_BYTES, MAX_UNSENT_BYTES

__all__ = [
    "LOOPBACK_ADDRESSES",
    "MAX_DATAGRAM_BYTES",
    "MAX_REMOTE_ADDRESSES",
    "MAX_UNSENT_BYTES",
    "MAX_WAITING_DTLS",
    "SRTP_ERRORS",
    "Ciphers",
    "LoopbackConnection",
    "LoopbackGatherer",
    "SharedCertificate",
    "forget_ssrc",
    "release",
]
