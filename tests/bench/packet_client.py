"""A client that sends 50 packets per second, encoded beforehand, and counts what it receives without decoding it.

It has a timer of its own: clients of many programs do not send in groups, as the calls of one phone do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.bench.voice import FRAMES_PER_S, Voice

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.ids import Ids
from offhook_wire.peer import Certificate, Peer
from offhook_wire.rtp import CLOCK_HZ
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from offhook_wire.relay_protocol import PeerParameters

RATE_HZ: Final = 16_000
_STEP: Final = CLOCK_HZ // FRAMES_PER_S


class PacketClient:
    """One of them.

    Args:
        certificate: for DTLS.
        payloads: what it sends, over and over.

    Attributes:
        voice: counts what it receives.
        ssrc: of what it sends.
    """

    def __init__(self, certificate: Certificate, payloads: list[bytes]) -> None:
        self.voice = Voice(RATE_HZ, timed=False)
        self._payloads = payloads
        self._clock = SystemClock()
        self._out = OutStream(Ids())
        self.ssrc = self._out.ssrc
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._start_s = 0.0
        self._index = 0
        self._peer = Peer(
            controlling=True,
            certificate=certificate,
            on_rtp=self._heard,
            on_rtcp=lambda data: None,
            on_down=lambda reason: None,
        )

    async def gather(self) -> PeerParameters:
        """What the other side must know."""
        return await self._peer.gather()

    async def connect(self, remote: PeerParameters) -> None:
        """Connect to the other side."""
        await self._peer.connect(remote)

    def start(self, phase_s: float) -> None:
        """Send from then on; `phase_s` keeps many clients from sending at the same moment."""
        self._start_s = self._loop.time() + phase_s
        self._timer = self._loop.call_at(self._start_s, self._tick)

    async def stop(self) -> None:
        """Send no more, and close the connection."""
        if self._timer is not None:
            self._timer.cancel()
        await self._peer.stop()

    def _tick(self) -> None:
        payload = self._payloads[self._index % len(self._payloads)]
        self._peer.send_rtp(self._out.packet(payload, self._index * _STEP, self._clock.monotonic_s()))
        self._index += 1
        self._timer = self._loop.call_at(self._start_s + self._index / FRAMES_PER_S, self._tick)

    def _heard(self, data: bytes) -> None:
        self.voice.frames += 1
