"""The resampler for live audio: swresample, by PyAV. It holds back 16 samples of the lower rate, 1 ms at 16 kHz.

Its filter has a wide transition: frequencies more than 15 % above the lower rate's Nyquist frequency are removed (below
-60 dB), and those just above it are only damped.
"""

from __future__ import annotations

import contextlib

import av
from av.filter import Graph

from offhook.interfaces import SAMPLE_BYTES, samples_of
from offhook_audio.resample import ExactResampler


class LiveResampler(ExactResampler):
    """See `ExactResampler`."""

    clipped_samples: int = 0

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz)
        # Not av.AudioResampler: its graph starts an idle native thread for each processor.
        self._graph = Graph()
        with contextlib.suppress(AttributeError):  # PyAV 14 has no such setting
            self._graph.threads = 1
        entry = self._graph.add(
            "abuffer",
            sample_rate=str(from_hz),
            sample_fmt="s16",
            channel_layout="mono",
            time_base=f"1/{from_hz}",
        )
        converter = self._graph.add("aresample", str(to_hz))
        exit_ = self._graph.add("abuffersink")
        entry.link_to(converter)
        converter.link_to(exit_)
        self._graph.configure()

    def _convert(self, pcm: bytes) -> bytes:
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // SAMPLE_BYTES)
        frame.sample_rate = self._from_hz
        plane = frame.planes[0]
        plane.update(pcm.ljust(plane.buffer_size, b"\0"))
        self._graph.push(frame)
        return self._pull()

    def _flush(self) -> bytes:
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return self._counted(b"".join(parts))
            assert isinstance(frame, av.AudioFrame)  # the graph has no video
            # A plane may be longer than its samples.
            parts.append(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES])

    def _counted(self, pcm: bytes) -> bytes:
        # swresample clips without a word. What it clipped is at full scale, where other samples hardly ever are.
        samples = samples_of(pcm)
        self.clipped_samples += samples.count(32767) + samples.count(-32768)
        return pcm
