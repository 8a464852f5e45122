"""Audio that is kept in memory: what a callee heard, or said, on one timeline that begins with the answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.interfaces import SAMPLE_BYTES

if TYPE_CHECKING:
    from offhook.interfaces import AudioFrame


#: The longest part of a call of which audio is kept, in seconds, silence included: an hour of both directions that are
#: full of sound takes 230 MB at 16 kHz.
MOST_KEPT_S: Final = 3600
#: Gaps that are kept of one direction.
_MOST_GAPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class CallAudio:
    """Both directions of a call, from the answer on.

    Attributes:
        rate_hz: the rate of both.
        heard: what the callee heard: s16le mono, silence where nothing came.
        heard_gaps: where nothing came between two frames, in seconds from the answer, also after what was kept.
        said: what the callee said: s16le mono, as long as `heard`.
        lasted_s: how long the callee took part. If it is longer than `heard`, the rest was not kept.
    """

    rate_hz: int
    heard: bytes = b""
    heard_gaps: tuple[tuple[float, float], ...] = ()
    said: bytes = b""
    lasted_s: float = 0.0

    @property
    def kept_s(self) -> float:
        """How much of the call was kept."""
        return len(self.heard) / SAMPLE_BYTES / self.rate_hz

    @property
    def whole(self) -> bool:
        """Whether the whole call was kept."""
        return self.kept_s >= self.lasted_s


class Track:
    """The audio of one direction. Silence takes no memory, and does not count against the limit.

    Args:
        most: samples of sound that are kept, or with `latest` samples of the timeline.
        latest: keep the end of the timeline instead of its beginning.

    Attributes:
        ends: the position from which on nothing is kept, because the limit was reached; None before that.
    """

    def __init__(self, most: int, *, latest: bool = False) -> None:
        self._most = most
        self._latest = latest
        self._left = most
        self._chunks: deque[tuple[int, bytes]] = deque()
        self._gaps: list[tuple[int, int]] = []
        self.ends: int | None = None

    def feed(self, frame: AudioFrame) -> None:
        """Add a frame at its position, which is not before that of the frame before it."""
        self.add(frame.position, frame.pcm)

    def add(self, position: int, pcm: bytes) -> None:
        """Add samples."""
        if self._latest:
            while self._chunks and self._chunks[0][0] < position - self._most:
                self._chunks.popleft()
        if self.ends is not None or pcm.count(0) == len(pcm):
            return
        if not self._latest:
            samples = len(pcm) // SAMPLE_BYTES
            if samples > self._left:
                self.ends = position + self._left
                pcm = pcm[: self._left * SAMPLE_BYTES]
            self._left -= min(samples, self._left)
        if pcm:
            self._chunks.append((position, pcm))

    def gap(self, start: int, end: int) -> None:
        """Note that nothing came between two positions."""
        if len(self._gaps) < _MOST_GAPS:
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
