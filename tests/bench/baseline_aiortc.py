"""The baseline: aiortc as its documentation shows it, with its defaults, and none of offhook's code in the path.

`RTCPeerConnection`, tracks, `MediaRelay`; ``iceServers=[]``, since there is nothing to ask a STUN server. Its sources
are paced like its own `AudioStreamTrack`, against an absolute deadline. Signalling is one line of JSON each way over a
TCP connection on loopback, which is less than any real one. Media runs between the machine's own addresses: aioice
offers no loopback candidates, so there must be a network interface; nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import fractions
import time
from typing import TYPE_CHECKING, Any, Final, cast

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from tests.bench.voice import FRAMES_PER_S, PERIOD_FRAMES, Voice, table

if TYPE_CHECKING:
    from av.frame import Frame

_RTP_CLOCK_HZ: Final = 48_000


class _PacedTrack(MediaStreamTrack):
    """A track that gives something each 20 ms."""

    kind = "audio"

    def __init__(self, phase_s: float) -> None:
        super().__init__()
        self.index = -1
        self._phase_s = phase_s
        self._start_s: float | None = None

    async def _next(self) -> int:
        if self.readyState != "live":
            raise MediaStreamError
        if self._start_s is None:
            self._start_s = time.monotonic() + self._phase_s
        self.index += 1
        await asyncio.sleep(self._start_s + self.index / FRAMES_PER_S - time.monotonic())
        return self.index


class ToneTrack(_PacedTrack):
    """What `voice` says, as frames: aiortc encodes them."""

    def __init__(self, voice: Voice, phase_s: float) -> None:
        super().__init__(phase_s)
        self._voice = voice

    async def recv(self) -> Frame:
        """The next frame."""
        index = await self._next()
        pcm = self._voice.say(index)
        rate_hz = self._voice.rate_hz
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.pts = index * len(pcm) // 2
        frame.sample_rate = rate_hz
        frame.time_base = fractions.Fraction(1, rate_hz)
        return frame


class PacketTrack(_PacedTrack):
    """The same audio, encoded beforehand, as packets: aiortc sends these as they are."""

    def __init__(self, payloads: list[bytes], phase_s: float) -> None:
        super().__init__(phase_s)
        self._payloads = payloads

    async def recv(self) -> Packet[Any]:
        """The next packet."""
        index = await self._next()
        packet = Packet(self._payloads[index % len(self._payloads)])
        packet.pts = index * _RTP_CLOCK_HZ // FRAMES_PER_S
        packet.time_base = fractions.Fraction(1, _RTP_CLOCK_HZ)
        return packet


def peer_connection() -> RTCPeerConnection:
    """A connection with nobody to ask for help."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def _drain(track: MediaStreamTrack, voice: Voice) -> None:
    """Take every frame, as an application does."""
    while True:
        try:
            frame = cast("av.AudioFrame", await track.recv())
        except MediaStreamError:
            return
        voice.hear(_pcm(frame))


def _pcm(frame: av.AudioFrame) -> bytes:
    """Its samples, without the padding behind them."""
    return bytes(frame.planes[0])[: frame.samples * len(frame.layout.channels) * 2]


def drain_tracks(connection: RTCPeerConnection, voice: Voice, tasks: set[asyncio.Task[None]]) -> None:
    """Have `voice` hear what comes; `tasks` holds the tasks that take it."""

    def on_track(track: MediaStreamTrack) -> None:
        task = asyncio.create_task(_drain(track, voice))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    connection.add_listener("track", on_track)


def encoded(rate_hz: int) -> list[bytes]:
    """One period as Opus, from the same encoder and with the same settings as offhook's legs use: an equal load."""
    from offhook_wire.opus import OpusEncoder

    with OpusEncoder(rate_hz) as encoder:
        periods = [encoder.encode(pcm) for _ in range(2) for pcm in table(rate_hz)]
    return periods[PERIOD_FRAMES:]
