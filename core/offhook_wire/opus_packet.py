"""How long an Opus packet plays, read from its first bytes (RFC 6716, section 3)."""

from __future__ import annotations

from typing import Final

from offhook_wire.opus_backend import MAX_PACKET_MS
from offhook_wire.rtp import CLOCK_HZ

_MS: Final = CLOCK_HZ // 1000
_MOST_TICKS: Final = MAX_PACKET_MS * _MS
#: Ticks of one frame by configuration number (RFC 6716, table 2): SILK, hybrid, CELT.
_FRAME_TICKS: Final = (
    (*(ms * _MS for ms in (10, 20, 40, 60)),) * 3
    + (*(ms * _MS for ms in (10, 20)),) * 2
    + (5 * _MS // 2, 5 * _MS, 10 * _MS, 20 * _MS) * 4
)
#: Ticks of a packet by its first byte, which says in its last two bits how many frames there are: one, two, or as many
#: as the second byte says, which is 0 here.
_PACKET_TICKS: Final = (*(_FRAME_TICKS[toc >> 3] * (1, 2, 2, 0)[toc & 3] for toc in range(256)),)


def duration_ticks(payload: bytes) -> int:
    """Return how long a packet plays, in RTP ticks; 0 if it is not a valid one."""
    if not payload:
        return 0
    toc = payload[0]
    ticks = _PACKET_TICKS[toc]
    if ticks or len(payload) == 1:
        return ticks
    ticks = (payload[1] & 0x3F) * _FRAME_TICKS[toc >> 3]
    return ticks if ticks <= _MOST_TICKS else 0
