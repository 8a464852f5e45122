"""What is dropped of arriving media: it is counted here, and nothing of it raises or is logged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class MediaCounts:
    """Counters of dropped packets; the connections of one leg, or of one room, may share them.

    Attributes:
        packets_stray: datagrams that were neither STUN nor DTLS nor media, were longer than `MAX_DATAGRAM_BYTES`,
            came from an address that is not the other side's, or were beyond what one connection may make us keep.
        srtp_errors: media that was forged, replayed or damaged.
        packets_early: media that arrived before the end of the handshake, when too much of it was waiting.
        packets_unsent: our own packets that SRTP rejected (a number too far back, or too long), that the system did not
            take, or that it reported as not delivered.
        audio_too_fast: packets and frames of a talker that sent more audio than time passed.
    """

    packets_stray: int = 0
    srtp_errors: int = 0
    packets_early: int = 0
    packets_unsent: int = 0
    audio_too_fast: int = 0
