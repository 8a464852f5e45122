"""The incoming audio of a leg: for each remote SSRC its statistics, its reception and its member."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.interfaces import frames_in
from offhook_wire.reception import Reception
from offhook_wire.rtp_in import InStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import AudioFrame
    from offhook_wire.jitter import Timers
    from offhook_wire.media_counts import MediaCounts
    from offhook_wire.rtcp import ReportBlock, SenderReport
    from offhook_wire.rtp import RtpPacket

#: A call never has more streams; packets of further ones are dropped and counted.
_MAX_STREAMS: Final = 64
#: Frames kept of a stream whose member is not known yet: media and events arrive in no common order.
_MAX_UNCLAIMED: Final = frames_in(1.0)


class Receiver:
    """The incoming half of a leg.

    Args:
        deliver: called with the uid of the talker and each frame.
        rate_hz: rate of the frames.
        loop: provides the timers.
        counts: counts the packets of talkers that are faster than real time.
        wait_ms: how long to wait for a missing packet.

    Attributes:
        frames: frames delivered.
        unclaimed: frames and packets dropped because their member is unknown.
    """

    def __init__(
        self,
        deliver: Callable[[int, AudioFrame], None],
        *,
        rate_hz: int,
        loop: Timers,
        counts: MediaCounts,
        wait_ms: float,
    ) -> None:
        self.frames: int = 0
        self.unclaimed: int = 0
        self.deliver: Callable[[int, AudioFrame], None] = deliver
        self._rate_hz = rate_hz
        self._loop = loop
        self._counts = counts
        self._wait_ms = wait_ms
        self._streams: dict[int, _Stream] = {}
        self._most_lost = 0

    def add(self, packet: RtpPacket, now_s: float) -> None:
        """Take a packet; its frame is delivered before `add` returns, unless an earlier packet is missing."""
        stream = self._streams.get(packet.ssrc) or self._stream(packet.ssrc)
        if stream is None:
            self.unclaimed += 1
            return
        stream.ended = False
        stream.statistics.add(packet, now_s)
        if packet.payload:
            stream.reception.add(packet)

    def claim(self, ssrc: int, uid: int) -> None:
        """Assign the stream `ssrc` to the member `uid`, and deliver the frames that waited for this."""
        stream = self._stream(ssrc)
        if stream is not None:
            stream.uid = uid
            while stream.unclaimed:
                stream.play(stream.unclaimed.popleft())

    def heard_report(self, report: SenderReport, now_s: float) -> None:
        """Keep a sender report, for our reports."""
        stream = self._streams.get(report.ssrc)
        if stream is not None:
            stream.statistics.heard_report(report, now_s)

    def end(self, ssrc: int) -> int | None:
        """Deliver all held frames, since a BYE arrived, and return the uid of the stream's member if it is known."""
        stream = self._streams.get(ssrc)
        if stream is None:
            return None
        stream.ended = True
        stream.reception.flush()
        return stream.uid

    def speaking(self, uid: int) -> bool:
        """Whether packets of `uid` have arrived, and no BYE has arrived after them."""
        return any(
            stream.uid == uid and stream.statistics.received and not stream.ended for stream in self._streams.values()
        )

    def finish(self, uid: int) -> None:
        """Deliver all held frames of a member that is gone."""
        for stream in self._streams.values():
            if stream.uid == uid:
                stream.ended = True
                stream.reception.flush()

    def blocks(self, now_s: float) -> list[ReportBlock]:
        """Return report blocks of the active streams; at most 31 fit into a report."""
        on = [stream for stream in self._streams.values() if stream.statistics.received and not stream.ended]
        return [stream.statistics.block(now_s) for stream in on[:31]]

    def counters(self) -> dict[str, int]:
        """Counts of what was received, lost, late and concealed."""
        streams = self._streams.values()
        # A late packet undoes its loss, but a counter must not decrease.
        self._most_lost = max(self._most_lost, sum(stream.statistics.lost for stream in streams))
        return {
            "frames_received": self.frames,
            "packets_received": sum(stream.statistics.received for stream in streams),
            "packets_lost": self._most_lost,
            "frames_late": sum(stream.reception.late for stream in streams),
            "frames_concealed": sum(stream.reception.concealed for stream in streams),
            "frames_unclaimed": self.unclaimed,
            "decode_errors": sum(stream.reception.decode_errors for stream in streams),
        }

    def close(self) -> None:
        """Free the decoders. Idempotent; nothing is delivered afterwards."""
        self.deliver = _drop
        for stream in self._streams.values():
            stream.reception.close()

    def _stream(self, ssrc: int) -> _Stream | None:
        stream = self._streams.get(ssrc)
        if stream is None and len(self._streams) < _MAX_STREAMS:
            stream = self._streams[ssrc] = _Stream(self, ssrc)
            stream.reception = Reception(
                stream.play,
                self._rate_hz,
                self._loop,
                counts=self._counts,
                wait_ms=self._wait_ms,
            )
        return stream


def _drop(uid: int, frame: AudioFrame) -> None:
    """Take what is played after the end."""


class _Stream:
    """One SSRC. It outlives its member: a member that rejoins sends under the same SSRC."""

    reception: Reception

    def __init__(self, receiver: Receiver, ssrc: int) -> None:
        self._receiver = receiver
        self.statistics = InStream(ssrc)
        self.uid: int | None = None
        self.ended = False
        self.unclaimed: deque[AudioFrame] = deque(maxlen=_MAX_UNCLAIMED)

    def play(self, frame: AudioFrame) -> None:
        """Deliver a frame, or keep it until the member is known."""
        receiver, uid = self._receiver, self.uid
        if uid is not None:
            deliver = receiver.deliver  # called as it is, not as a method
            receiver.frames += 1
            deliver(uid, frame)
        else:
            if len(self.unclaimed) == _MAX_UNCLAIMED:
                receiver.unclaimed += 1
            self.unclaimed.append(frame)
