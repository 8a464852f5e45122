"""Two of offhook's peers in one process, connected without a relay: what the relay's delay is compared with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.bench.near_offhook import RATE_HZ, paced
from tests.bench.voice import FRAMES_PER_S, Voice

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.ids import Ids
from offhook_wire import rtp
from offhook_wire.media_counts import MediaCounts
from offhook_wire.opus import OpusEncoder
from offhook_wire.peer import Peer, make_certificate
from offhook_wire.reception import Reception
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from tests.bench.process import Place

    from offhook.interfaces.frame import AudioFrame


class Direct:
    """Two peers connected without a relay, with the very parts that legs are made of.

    Commands: `open`; its places say nothing but how many pairs there are to be.
    """

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands = {"open": self.open}
        self._ends: list[_End] = []

    async def open(self, *, places: list[Place], timed: bool) -> None:
        """Connect as many pairs as there are places."""
        count = len(places) * 2
        for _ in places:
            pair = _End(controlling=True, timed=timed), _End(controlling=False, timed=timed)
            first, second = [await end.peer.gather() for end in pair]
            await asyncio.gather(pair[0].peer.connect(second), pair[1].peer.connect(first))
            for end in pair:
                asyncio.get_running_loop().call_later(len(self._ends) / count / FRAMES_PER_S, end.pacer.start)
                self._ends.append(end)
                self.voices.append(end.voice)

    async def close(self) -> None:
        """Disconnect."""
        for end in self._ends:
            end.pacer.stop()
            await end.peer.stop()
            end.reception.close()
        self._ends.clear()
        self.voices.clear()


class _End:
    """One peer that talks and listens."""

    def __init__(self, *, controlling: bool, timed: bool) -> None:
        self.voice = Voice(RATE_HZ, timed=timed)
        self.peer = Peer(
            controlling=controlling,
            certificate=make_certificate(),
            on_rtp=lambda data: self.reception.add(rtp.parse(data)),
            on_rtcp=lambda data: None,
            on_down=lambda reason: None,
        )
        self.reception = Reception(
            lambda frame: self.voice.hear(frame.pcm), RATE_HZ, asyncio.get_running_loop(), counts=MediaCounts()
        )
        self.pacer = paced(self.voice, self._send)
        self._encoder = OpusEncoder(RATE_HZ)
        self._out = OutStream(Ids())
        self._clock = SystemClock()

    def _send(self, frame: AudioFrame) -> None:
        payload = self._encoder.encode(frame.pcm)
        position = frame.position * rtp.CLOCK_HZ // RATE_HZ
        self.peer.send_rtp(self._out.packet(payload, position, self._clock.monotonic_s()))
