"""One direction of a bad network: loss, bursts, duplicates, delay, jitter, a low rate, or nothing at all. For tests.

Give one to each direction of a leg (`AiortcTransport(incoming=…, outgoing=…)`); its attributes may change while it is
in use.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from offhook.arguments import wrong
from offhook.interfaces import Ids
from offhook_wire.rtp import is_rtcp

if TYPE_CHECKING:
    from collections.abc import Callable


#: What waits this long for a rate that is capped is lost: the queue of a router is not longer.
MOST_QUEUED_S: Final = 1.0
#: How much later a datagram arrives that is overtaken: two packets of 20 ms pass it.
OVERTAKEN_S: Final = 0.05
#: Datagrams that wait while the network is frozen; older ones are lost.
MOST_FROZEN: Final = 2000


class Carries(Protocol):
    """Carries datagrams, more or less well."""

    def carry(self, data: bytes, deliver: Callable[[], None], *, audio: bool | None = None) -> bool:
        """Take a datagram, see `Impairment.carry`."""
        ...


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
        reorder: the share that is overtaken by those of the next 50 ms.
        rate_cap_bps: how many bits pass in a second; 0 for any number. What would wait longer than 1 s is lost.
        frozen: hold everything; it arrives at once when this is False again. Of more than 2,000, the oldest are lost.
        carried: datagrams passed to `carry`.
        lost: how many of those were dropped.
        duplicated: how many were delivered twice.
    """

    def __init__(self, seed: str | int = 0) -> None:
        self.cut: bool = False
        self.muted: bool = False
        self.loss: float = 0.0
        self.burst: int = 1
        self.duplicate: float = 0.0
        self.delay_s: float = 0.0
        self.jitter_s: float = 0.0
        self.reorder: float = 0.0
        self.rate_cap_bps: int = 0
        self.carried: int = 0
        self.lost: int = 0
        self.duplicated: int = 0
        if seed is None:  # pyright: ignore[reportUnnecessaryComparison] - programs may pass anything
            raise wrong("seed", "text or a whole number", seed)
        self._ids = Ids(seed)
        self._losing = 0
        self._due_s = 0.0
        #: When the line is free again, if its rate is capped.
        self._free_s = 0.0
        self._under_way = 0
        self._frozen = False
        self._held: deque[Callable[[], None]] = deque()
        self._on_idle: Callable[[], None] | None = None

    @property
    def frozen(self) -> bool:
        """See above."""
        return self._frozen

    @frozen.setter
    def frozen(self, frozen: bool) -> None:
        self._frozen = frozen
        while self._held and not self._frozen:  # what is delivered may freeze it again
            self._held.popleft()()

    def heal(self, then: Callable[[], None] = lambda: None) -> None:
        """Impair nothing from now on. What is under way arrives as it would have; after that, `then` is called."""
        self.cut = self.muted = False
        self.loss = self.duplicate = self.delay_s = self.jitter_s = self.reorder = 0.0
        self.rate_cap_bps = self._losing = 0
        self._on_idle = then
        self.frozen = False
        self._look_idle()

    def carry(self, data: bytes, deliver: Callable[[], None], *, audio: bool | None = None) -> bool:
        """Take a datagram. Call `deliver` once, twice or never: immediately, unless the datagram is delayed.

        Args:
            data: the datagram.
            deliver: delivers it. Must not raise.
            audio: whether it is audio; None to find that out from the first bytes of an RTP packet.

        Returns:
            False if it is lost, else True.
        """
        self.carried += 1
        if self._loses(data, audio):
            self.lost += 1
            return False
        if not self._later(data, deliver):
            self.lost += 1
            return False
        if self.duplicate and self._ids.fraction() < self.duplicate:
            self.duplicated += self._later(data, deliver)
        return True

    def _loses(self, data: bytes, audio: bool | None) -> bool:
        if self.cut or (self.muted and (_is_audio(data) if audio is None else audio)):
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

    def _later(self, data: bytes, deliver: Callable[[], None]) -> bool:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        queued_s = 0.0
        if self.rate_cap_bps:
            start_s = max(now_s, self._free_s)
            if start_s - now_s > MOST_QUEUED_S:
                return False
            self._free_s = start_s + len(data) * 8 / self.rate_cap_bps
            queued_s = self._free_s - now_s
        late_s = self._ids.fraction() * self.jitter_s if self.jitter_s else 0.0
        if self.reorder and self._ids.fraction() < self.reorder:
            late_s += OVERTAKEN_S
        delay_s = self.delay_s + queued_s
        if not delay_s and not late_s and not self._under_way:  # an earlier datagram may still be under way
            self._arrive(deliver)
            return True
        # Timers for the same time run in any order; a microsecond between them keeps the order.
        self._due_s = max(now_s + delay_s, self._due_s + 1e-6)
        self._under_way += 1
        loop.call_at(self._due_s + late_s, self._land, deliver)
        return True

    def _land(self, deliver: Callable[[], None]) -> None:
        self._under_way -= 1
        self._arrive(deliver)
        self._look_idle()

    def _arrive(self, deliver: Callable[[], None]) -> None:
        if not self._frozen:
            deliver()
            return
        if len(self._held) == MOST_FROZEN:
            self._held.popleft()
            self.lost += 1
        self._held.append(deliver)

    def _look_idle(self) -> None:
        if self._on_idle is not None and not self._under_way:
            on_idle, self._on_idle = self._on_idle, None
            on_idle()


def _is_audio(data: bytes) -> bool:
    """RTP and RTCP keep their first bytes in the clear (RFC 3711, sections 3.1 and 3.4)."""
    return bool(data) and 128 <= data[0] <= 191 and not is_rtcp(data)
