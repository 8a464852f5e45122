"""Audio that is kept in memory: what a callee heard, or said, on one timeline that begins with the answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces import SAMPLE_BYTES

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame


#: Gaps that are kept of one direction.
_MOST_GAPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class CallAudio:
    """Both directions of a call, from the answer on.

    Attributes:
        rate_hz: the rate of both.
        heard: what the callee heard: s16le mono, silence where nothing came.
        heard_gaps: where nothing came between two frames, in seconds from the answer.
        said: what the callee said: s16le mono, as long as `heard`.
        dropped: samples of both directions that came too late to be kept.
    """

    rate_hz: int
    heard: bytes = b""
    heard_gaps: tuple[tuple[float, float], ...] = ()
    said: bytes = b""
    dropped: int = 0


class Track:
    """The audio of one direction. Silence takes no memory.

    Args:
        most: samples of the timeline that are kept.
        latest: keep the end of the timeline instead of its beginning.

    Attributes:
        dropped: samples that came after the kept part of the timeline.
    """

    def __init__(self, most: int, *, latest: bool = False) -> None:
        self._most = most
        self._latest = latest
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._gaps: list[tuple[int, int]] = []
        self.dropped: int = 0

    def feed(self, frame: AudioFrame) -> None:
        """Add a frame at its position, which is not before that of the frame before it."""
        self.add(frame.position, frame.pcm)

    def add(self, position: int, pcm: bytes) -> None:
        """Add samples."""
        if self._latest:
            while self._chunks and self._chunks[0][0] < position - self._most:
                self._chunks.popleft()
        elif (excess := position + len(pcm) // SAMPLE_BYTES - self._most) > 0:
            kept = len(pcm) - excess * SAMPLE_BYTES
            self.dropped += min(excess, len(pcm) // SAMPLE_BYTES)
            pcm = pcm[: max(0, kept)]
        if pcm.count(0) != len(pcm):
            self._chunks.append((position, pcm))

    def gap(self, start: int, end: int) -> None:
        """Note that nothing came between two positions."""
        if len(self._gaps) < _MOST_GAPS and start < self._most:
            self._gaps.append((start, end))

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Where nothing came, as positions."""
        return tuple(self._gaps)

    def pcm(self, start: int, end: int) -> bytes:
        """The samples between two positions, with silence where there are none."""
        audio = bytearray(max(0, end - start) * SAMPLE_BYTES)
        for position, chunk in self._chunks:
            at = (position - start) * SAMPLE_BYTES
            first, last = max(0, -at), min(len(chunk), len(audio) - at)
            if first < last:
                audio[at + first : at + last] = chunk[first:last]
        return bytes(audio)
