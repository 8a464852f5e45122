"""RTP packets (RFC 3550, section 5) and arithmetic on numbers that wrap."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from offhook.interfaces import samples_per_frame

#: The RTP clock of Opus at any rate of the codec (RFC 7587, section 4.1), in hertz.
CLOCK_HZ: Final = 48_000
#: RTP ticks of one frame.
FRAME_TICKS: Final = samples_per_frame(CLOCK_HZ)
#: The dynamic payload type that our own two sides use for Opus.
OPUS_PAYLOAD_TYPE: Final = 111

_HEADER: Final = struct.Struct("!BBHLL")
_HEADER_BYTES: Final = _HEADER.size
_VERSION: Final = 2


class MalformedPacket(ValueError):
    """Bytes that are not a valid RTP or RTCP packet."""


@dataclass(slots=True)
class RtpPacket:
    """One packet in the clear, without CSRCs, header extensions and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    def encode(self) -> bytes:
        """The packet's bytes."""
        return header(self.payload_type, self.marker, self.sequence, self.timestamp, self.ssrc) + self.payload


def header(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int) -> bytes:
    """The header of a packet without CSRCs, header extensions and padding."""
    return _HEADER.pack(_VERSION << 6, payload_type | 0x80 if marker else payload_type, sequence, timestamp, ssrc)


def parse(data: bytes) -> RtpPacket:
    """Parse a packet, trusting none of its lengths.

    Raises:
        MalformedPacket: wrong version, or a length inside that does not match the bytes.
    """
    size = len(data)
    if size < _HEADER_BYTES:
        raise MalformedPacket(f"{size} bytes are too few for an RTP header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == _VERSION << 6:  # the usual case: neither CSRCs nor extension nor padding
        return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[_HEADER_BYTES:])
    if first >> 6 != _VERSION:
        raise MalformedPacket(f"the RTP version must be 2, got {first >> 6}")
    start, end = _HEADER_BYTES + 4 * (first & 0x0F), size
    if first & 0x10:
        if start + 4 > size:
            raise MalformedPacket("the RTP header extension is truncated")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        padding = data[-1]
        if not padding:
            raise MalformedPacket("the RTP padding has a length of 0")
        end -= padding
    if start > end:
        raise MalformedPacket("CSRCs, extension or padding are longer than the RTP packet")
    return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, data[start:end])


def is_rtcp(data: bytes) -> bool:
    """Whether a packet of a multiplexed flow is RTCP (RFC 5761, section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def sequence_distance(later: int, earlier: int) -> int:
    """How many packets `later` is ahead of `earlier`, from -32768 to 32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_distance(later: int, earlier: int) -> int:
    """How many ticks `later` is ahead of `earlier`, from -2**31 to 2**31 - 1."""
    return ((later - earlier + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
