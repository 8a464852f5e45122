"""Statistics of one RTP stream that we receive, and its report block (RFC 3550, appendix A)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook_wire.rtcp import ReportBlock
from offhook_wire.rtp import CLOCK_HZ, timestamp_distance

if TYPE_CHECKING:
    from offhook_wire.rtcp import SenderReport
    from offhook_wire.rtp import RtpPacket


class InStream:
    """Statistics of one SSRC."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self.received: int = 0
        self._base: int | None = None
        self._highest = 0
        self._transit: int | None = None
        self._jitter = 0.0
        self._last_sr = 0
        self._last_sr_at_s = 0.0
        self._expected_before = 0
        self._received_before = 0

    def add(self, packet: RtpPacket, now_s: float) -> None:
        """Count a packet that arrived at `now_s`, monotonic."""
        if self._base is None:
            self._base = self._highest = packet.sequence
        else:
            ahead = (packet.sequence - self._highest) & 0xFFFF
            if ahead < 0x8000:
                self._highest += ahead
        self.received += 1
        transit = (int(now_s * CLOCK_HZ) - packet.timestamp) & 0xFFFF_FFFF
        if self._transit is not None:
            change = abs(timestamp_distance(transit, self._transit))
            # A pause or a new source moves the timestamp by seconds; that is not network jitter.
            if change < CLOCK_HZ:
                self._jitter += (change - self._jitter) / 16
        self._transit = transit

    def heard_report(self, report: SenderReport, now_s: float) -> None:
        """Keep a sender report, to echo its time. Its clock is not ours and is never used as a time here."""
        self._last_sr, self._last_sr_at_s = (report.ntp >> 16) & 0xFFFF_FFFF, now_s

    @property
    def expected(self) -> int:
        """How many packets the sender has sent, by its sequence numbers."""
        return 0 if self._base is None else self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """How many packets have not arrived so far."""
        return max(0, self.expected - self.received)

    def block(self, now_s: float) -> ReportBlock:
        """Return the report block for now; its fraction of lost packets covers the time since the last call."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0,
            packets_lost=self.expected - self.received,
            highest_sequence=self._highest & 0xFFFF_FFFF,
            jitter=int(self._jitter),
            last_sr=self._last_sr,
            delay_since_last_sr=int((now_s - self._last_sr_at_s) * 65536) if self._last_sr else 0,
        )
