"""One direction of a network made worse on purpose: loss, bursts, duplicates, delay, jitter, silence. For tests.

Give one to each direction of a leg (`AiortcTransport(incoming=…, outgoing=…)`); its attributes may change while it is
in use.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.interfaces import Ids
from offhook_wire.rtp import is_rtcp

if TYPE_CHECKING:
    from collections.abc import Callable


class Impairment:
    """Carries datagrams, or does not. It sees them encrypted; all that it draws comes from one seed.

    Args:
        seed: any text or number; the same seed treats the same datagrams the same way.

    Attributes:
        cut: nothing comes through: no media, no check, no handshake.
        muted: no audio comes through; reports and checks do.
        loss: the share of datagrams that is lost, 0 to 1.
        burst: how many in a row are lost at once; `loss` stays the share of all.
        duplicate: the share that comes twice.
        delay_s: how long each is on its way; what was sent later does not overtake when this is made less.
        jitter_s: up to so much longer, each for itself: order is not kept.
        carried: datagrams that were given to it.
        lost: of those, how many did not come out.
        duplicated: how many came out twice.
    """

    def __init__(self, seed: str | int = 0) -> None:
        self.cut = False
        self.muted = False
        self.loss: float = 0.0
        self.burst = 1
        self.duplicate: float = 0.0
        self.delay_s: float = 0.0
        self.jitter_s: float = 0.0
        self.carried: int = 0
        self.lost: int = 0
        self.duplicated: int = 0
        self._ids = Ids(seed)
        self._losing = 0
        self._due_s = 0.0
        self._under_way = 0

    def carry(self, data: bytes, deliver: Callable[[], None]) -> None:
        """Take a datagram; `deliver` is called as often as it comes out, at once where nothing delays it."""
        self.carried += 1
        if self._loses(data):
            self.lost += 1
            return
        self._later(deliver)
        if self.duplicate and self._ids.fraction() < self.duplicate:
            self.duplicated += 1
            self._later(deliver)

    def _loses(self, data: bytes) -> bool:
        if self.cut or (self.muted and _is_audio(data)):
            return True
        if self._losing:
            self._losing -= 1
            return True
        if not self.loss:
            return False
        # Chosen so that bursts of this length make up the wanted share.
        if self._ids.fraction() < self.loss / (self.burst - self.loss * (self.burst - 1)):
            self._losing = self.burst - 1
            return True
        return False

    def _later(self, deliver: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        jitter_s = self._ids.fraction() * self.jitter_s if self.jitter_s else 0.0
        if not self.delay_s and not jitter_s and not self._under_way:  # what is due need not have come out yet
            deliver()
            return
        # Timers of one time come in no order: a microsecond between them keeps it.
        self._due_s = max(now_s + self.delay_s, self._due_s + 1e-6)
        self._under_way += 1
        loop.call_at(self._due_s + jitter_s, self._arrive, deliver)

    def _arrive(self, deliver: Callable[[], None]) -> None:
        self._under_way -= 1
        deliver()


def _is_audio(data: bytes) -> bool:
    """RTP and RTCP keep their first bytes in the clear (RFC 3711, sections 3.1 and 3.4)."""
    return bool(data) and 128 <= data[0] <= 191 and not is_rtcp(data)
