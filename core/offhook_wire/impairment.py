"""One direction of a bad network: loss, bursts, duplicates, delay, jitter, or nothing at all. For tests.

Give one to each direction of a leg (`AiortcTransport(incoming=…, outgoing=…)`); its attributes may change while it is
in use.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.arguments import wrong
from offhook.interfaces import Ids
from offhook_wire.rtp import is_rtcp

if TYPE_CHECKING:
    from collections.abc import Callable


class Impairment:
    """Delivers, delays or drops datagrams, which it sees encrypted. All of its random decisions follow from one seed.

    Args:
        seed: any text or whole number; with the same seed the same datagrams are treated in the same way.

    Raises:
        ConfigError: the seed is neither.

    Attributes:
        cut: drop everything: media, checks and handshakes.
        muted: drop audio; reports and checks pass.
        loss: the share of datagrams that is lost, from 0 to 1.
        burst: how many in a row are lost together; `loss` remains the share of all.
        duplicate: the share that is delivered twice.
        delay_s: how long each is delayed; when this is reduced, later datagrams do not overtake earlier ones.
        jitter_s: each is delayed by up to this much more, independently: order is not kept.
        carried: datagrams passed to `carry`.
        lost: how many of those were dropped.
        duplicated: how many were delivered twice.
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
        if seed is None:  # pyright: ignore[reportUnnecessaryComparison] - programs may pass anything
            raise wrong("seed", "text or a whole number", seed)
        self._ids = Ids(seed)
        self._losing = 0
        self._due_s = 0.0
        self._under_way = 0

    def carry(self, data: bytes, deliver: Callable[[], None]) -> None:
        """Take a datagram. Call `deliver` once, twice or never: immediately, unless the datagram is delayed."""
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
        # With this probability of a new burst, bursts of this length make up the wanted share of lost datagrams.
        if self._ids.fraction() < self.loss / (self.burst - self.loss * (self.burst - 1)):
            self._losing = self.burst - 1
            return True
        return False

    def _later(self, deliver: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        jitter_s = self._ids.fraction() * self.jitter_s if self.jitter_s else 0.0
        if not self.delay_s and not jitter_s and not self._under_way:  # an earlier datagram may still be under way
            deliver()
            return
        # Timers for the same time run in any order; a microsecond between them keeps the order.
        self._due_s = max(now_s + self.delay_s, self._due_s + 1e-6)
        self._under_way += 1
        loop.call_at(self._due_s + jitter_s, self._arrive, deliver)

    def _arrive(self, deliver: Callable[[], None]) -> None:
        self._under_way -= 1
        deliver()


def _is_audio(data: bytes) -> bool:
    """RTP and RTCP keep their first bytes in the clear (RFC 3711, sections 3.1 and 3.4)."""
    return bool(data) and 128 <= data[0] <= 191 and not is_rtcp(data)
