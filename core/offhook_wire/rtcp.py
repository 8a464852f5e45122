"""RTCP (RFC 3550, section 6): the four packets a call needs, written and read. Others are skipped."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

from offhook_wire.rtp import MalformedPacket

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_CNAME: Final = 1
_BLOCK: Final = struct.Struct("!LLLLLL")
_SENDER: Final = struct.Struct("!LQLLL")
#: Seconds from 1900, where NTP begins, to 1970.
_NTP_EPOCH_S: Final = 2_208_988_800
_MAX_BLOCKS: Final = 31


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one SSRC is received (RFC 3550, section 6.4.1).

    Attributes:
        ssrc: the stream that the block is about.
        fraction_lost: lost since the last report, in 1/256.
        packets_lost: total of lost packets; negative when duplicates outnumber losses.
        highest_sequence: highest sequence number, extended by the count of its wraps.
        jitter: interarrival jitter in RTP ticks.
        last_sr: middle 32 bits of the NTP time of the last sender report, 0 before the first.
        delay_since_last_sr: time since that report arrived, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int

    def encode(self) -> bytes:
        lost = max(-0x80_0000, min(0x7F_FFFF, self.packets_lost)) & 0xFF_FFFF
        return _BLOCK.pack(
            self.ssrc,
            min(255, self.fraction_lost) << 24 | lost,
            self.highest_sequence & 0xFFFF_FFFF,
            min(self.jitter, 0xFFFF_FFFF),
            self.last_sr,
            min(self.delay_since_last_sr, 0xFFFF_FFFF),
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR: what `ssrc` has sent, and how it receives."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()

    def encode(self) -> bytes:
        info = _SENDER.pack(self.ssrc, self.ntp, self.timestamp, self.packets & 0xFFFF_FFFF, self.octets & 0xFFFF_FFFF)
        return _packet(_SR, len(self.blocks), info + b"".join(block.encode() for block in self.blocks))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR: how `ssrc`, which sends nothing, receives."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    def encode(self) -> bytes:
        body = struct.pack("!L", self.ssrc) + b"".join(block.encode() for block in self.blocks)
        return _packet(_RR, len(self.blocks), body)


@dataclass(frozen=True, slots=True)
class Bye:
    """BYE: these streams are over."""

    ssrcs: tuple[int, ...]

    def encode(self) -> bytes:
        return _packet(_BYE, len(self.ssrcs), struct.pack(f"!{len(self.ssrcs)}L", *self.ssrcs))


Rtcp: TypeAlias = SenderReport | ReceiverReport | Bye


def source_description(ssrc: int, cname: str) -> bytes:
    """SDES with the one item that every compound packet must contain."""
    name = cname.encode()[:255]
    item = struct.pack("!LBB", ssrc, _CNAME, len(name)) + name + b"\0"
    return _packet(_SDES, 1, item + bytes(-len(item) % 4))


def ntp_time(wall_s: float) -> int:
    """A wall time as NTP's 64 bits: seconds since 1900 and their fraction."""
    return int((wall_s + _NTP_EPOCH_S) * 2**32) & 0xFFFF_FFFF_FFFF_FFFF


def parse(data: bytes) -> list[Rtcp]:
    """Return those packets of a compound packet whose kind we know.

    Raises:
        MalformedPacket: wrong version, or a length inside that does not match the bytes.
    """
    found: list[Rtcp] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise MalformedPacket("an RTCP header is truncated")
        first, kind, words = struct.unpack_from("!BBH", data, at)
        body = data[at + 4 : at + 4 + 4 * words]
        if first >> 6 != 2 or len(body) != 4 * words:
            raise MalformedPacket("an RTCP packet has a wrong version or is truncated")
        at += 4 + 4 * words
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                raise MalformedPacket("RTCP padding is longer than its packet")
            body = body[: -body[-1]]
        try:
            packet = _read(kind, first & 0x1F, body)
        except struct.error:
            raise MalformedPacket("an RTCP packet is shorter than its count says") from None
        if packet is not None:
            found.append(packet)
    return found


def _read(kind: int, count: int, body: bytes) -> Rtcp | None:
    if kind == _SR:
        ssrc, ntp, timestamp, packets, octets = _SENDER.unpack_from(body)
        return SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(body, _SENDER.size, count))
    if kind == _RR:
        (ssrc,) = struct.unpack_from("!L", body)
        return ReceiverReport(ssrc, _blocks(body, 4, count))
    if kind == _BYE:
        return Bye(struct.unpack_from(f"!{count}L", body))
    return None


def _blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks: list[ReportBlock] = []
    for at in range(start, start + count * _BLOCK.size, _BLOCK.size):
        ssrc, lost, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
        signed = ((lost & 0xFF_FFFF) ^ 0x80_0000) - 0x80_0000
        blocks.append(ReportBlock(ssrc, lost >> 24, signed, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    if count > _MAX_BLOCKS:
        raise ValueError(f"an RTCP packet holds at most {_MAX_BLOCKS} items, got {count}")
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
