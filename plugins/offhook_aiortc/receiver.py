"""What a leg hears: for each remote SSRC statistics, reception and the member it belongs to."""

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
    from offhook_wire.rtcp import ReportBlock, SenderReport
    from offhook_wire.rtp import RtpPacket

#: More streams than this are not a call; the packets of others are dropped and counted.
_MAX_STREAMS: Final = 64
#: Frames of a stream whose member is not known yet: two channels, no order between them.
_MAX_UNCLAIMED: Final = frames_in(1.0)


class Receiver:
    """The incoming half of a leg.

    Args:
        deliver: given each frame with the uid of its talker.
        rate_hz: rate of the frames.
        loop: where timers come from.
        wait_ms: how long a missing packet is waited for.

    Attributes:
        frames: frames delivered.
        unclaimed: frames and packets dropped because nobody knows whose they are.
    """

    def __init__(
        self, deliver: Callable[[int, AudioFrame], None], *, rate_hz: int, loop: Timers, wait_ms: float
    ) -> None:
        self.frames: int = 0
        self.unclaimed: int = 0
        self._deliver = deliver
        self._rate_hz = rate_hz
        self._loop = loop
        self._wait_ms = wait_ms
        self._streams: dict[int, _Stream] = {}
        self._most_lost = 0

    def add(self, packet: RtpPacket, now_s: float) -> None:
        """Take a packet; its frame is delivered in this call if its turn has come."""
        stream = self._stream(packet.ssrc)
        if stream is None:
            self.unclaimed += 1
            return
        stream.ended = False
        stream.statistics.add(packet, now_s)
        if packet.payload:
            stream.reception.add(packet)

    def claim(self, ssrc: int, uid: int) -> None:
        """The stream `ssrc` is of the member `uid`; what waited for that is delivered."""
        stream = self._stream(ssrc)
        if stream is not None:
            stream.uid = uid
            while stream.unclaimed:
                self._play(stream, stream.unclaimed.popleft())

    def heard_report(self, report: SenderReport, now_s: float) -> None:
        """Note a sender report."""
        stream = self._streams.get(report.ssrc)
        if stream is not None:
            stream.statistics.heard_report(report, now_s)

    def end(self, ssrc: int) -> int | None:
        """A BYE came, and with it all that was sent before: play what is held; whose stream it was."""
        stream = self._streams.get(ssrc)
        if stream is None:
            return None
        stream.ended = True
        stream.reception.flush()
        return stream.uid

    def speaking(self, uid: int) -> bool:
        """Whether packets of `uid` came and no BYE since."""
        return any(
            stream.uid == uid and stream.statistics.received and not stream.ended for stream in self._streams.values()
        )

    def finish(self, uid: int) -> None:
        """The member is gone: play what is held of it."""
        for stream in self._streams.values():
            if stream.uid == uid:
                stream.ended = True
                stream.reception.flush()

    def blocks(self, now_s: float) -> list[ReportBlock]:
        """Report blocks of the streams that are on; at most 31 fit into a report."""
        on = [stream for stream in self._streams.values() if stream.statistics.received and not stream.ended]
        return [stream.statistics.block(now_s) for stream in on[:31]]

    def counters(self) -> dict[str, int]:
        """What was received, lost, late and concealed."""
        streams = self._streams.values()
        # A late packet undoes its loss; a counter does not go back.
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
        """Let go of the decoders. Idempotent; nothing is delivered afterwards."""
        for stream in self._streams.values():
            stream.reception.close()

    def _stream(self, ssrc: int) -> _Stream | None:
        stream = self._streams.get(ssrc)
        if stream is None and len(self._streams) < _MAX_STREAMS:
            stream = self._streams[ssrc] = _Stream(ssrc)
            opened = stream
            stream.reception = Reception(
                lambda frame: self._play(opened, frame), self._rate_hz, self._loop, wait_ms=self._wait_ms
            )
        return stream

    def _play(self, stream: _Stream, frame: AudioFrame) -> None:
        if stream.uid is None:
            if len(stream.unclaimed) == _MAX_UNCLAIMED:
                self.unclaimed += 1
            stream.unclaimed.append(frame)
        else:
            self.frames += 1
            self._deliver(stream.uid, frame)


class _Stream:
    """One SSRC. It outlives its member: who comes back is heard under the same one."""

    reception: Reception

    def __init__(self, ssrc: int) -> None:
        self.statistics = InStream(ssrc)
        self.uid: int | None = None
        self.ended = False
        self.unclaimed: deque[AudioFrame] = deque(maxlen=_MAX_UNCLAIMED)
