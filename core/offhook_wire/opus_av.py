"""Opus through PyAV, for machines where libopus cannot be called directly.

PyAV always decodes Opus to 48 kHz, so frames pass its resampler, which holds back less than 1 ms: the first frame
starts with that much silence, so that each call returns as many samples as its packet plays.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# PyAV's stubs leave the argument of Packet open.
from __future__ import annotations

from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec import CodecContext
from av.error import FFmpegError

from offhook.interfaces import PTIME_MS, SAMPLE_BYTES
from offhook_wire.opus_backend import OpusError

_NATIVE_HZ: Final = 48_000
#: What a decoder conceals before its first packet: one 20 ms frame of narrow-band SILK.
_FIRST_TOC: Final = 0x08


class AvBackend:
    """PyAV's own libopus."""

    @property
    def name(self) -> str:
        """For logs."""
        return f"libopus through PyAV {av.__version__}"

    def encoder(self, rate_hz: int, bitrate_bps: int, complexity: int) -> _Encoder:
        return _Encoder(rate_hz, bitrate_bps, complexity)

    def decoder(self, rate_hz: int) -> _Decoder:
        return _Decoder(rate_hz)


def _frame(pcm: bytes, rate_hz: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // SAMPLE_BYTES)
    frame.planes[0].update(pcm)
    frame.sample_rate = rate_hz
    return frame


def _lost_frame(toc: int) -> int:
    """The table-of-contents byte of one 20 ms frame in the mode and band of `toc` (RFC 6716, section 3.1)."""
    configuration = toc >> 3
    if configuration < 12:  # SILK: 10, 20, 40, 60 ms
        configuration = configuration & ~3 | 1
    elif configuration < 16:  # hybrid: 10, 20 ms
        configuration |= 1
    else:  # CELT: 2.5, 5, 10, 20 ms
        configuration |= 3
    return configuration << 3 | toc & 0x04


class _Encoder:
    def __init__(self, rate_hz: int, bitrate_bps: int, complexity: int) -> None:
        self._rate_hz = rate_hz
        self._context = CodecContext.create("libopus", "w")
        self._context.format = "s16"
        self._context.layout = "mono"
        self._context.sample_rate = rate_hz
        self._context.bit_rate = bitrate_bps
        self._context.options = {
            "application": "audio",
            "vbr": "on",
            "frame_duration": str(PTIME_MS),
            "compression_level": str(complexity),
        }
        self._samples = 0

    def encode(self, pcm: bytes) -> bytes:
        frame = _frame(pcm, self._rate_hz)
        frame.pts = self._samples
        self._samples += frame.samples
        try:
            packets = [bytes(packet) for packet in self._context.encode(frame)]
        except FFmpegError as error:
            raise OpusError(f"PyAV could not encode: {error}") from error
        if len(packets) != 1:
            raise OpusError(f"PyAV returned {len(packets)} packets for one frame")
        return packets[0]

    def close(self) -> None:
        """PyAV frees it with the object."""


class _Decoder:
    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._context = CodecContext.create("libopus", "r")
        self._context.layout = "mono"
        self._context.sample_rate = _NATIVE_HZ
        self._resampler = AudioResampler(format="s16", layout="mono", rate=rate_hz) if rate_hz != _NATIVE_HZ else None
        self._ready = bytearray()
        self._toc = _FIRST_TOC

    def decode(self, payload: bytes | None) -> bytes:
        # A packet with only a table of contents means a lost frame (RFC 6716, 3.2.1); an empty packet would flush the
        # decoder permanently.
        data = bytes((_lost_frame(self._toc),)) if payload is None else payload
        try:
            frames = self._context.decode(av.Packet(data))
        except FFmpegError as error:
            raise OpusError(f"PyAV could not decode: {error}") from error
        if not frames:
            raise OpusError("PyAV decoded nothing")
        self._toc = data[0]
        native = 0
        for frame in frames:
            native += frame.samples
            for out in self._resampler.resample(frame) if self._resampler else (frame,):
                # A plane may be padded beyond its samples.
                self._ready += bytes(out.planes[0])[: out.samples * SAMPLE_BYTES]
        wanted = native * self._rate_hz // _NATIVE_HZ * SAMPLE_BYTES
        if len(self._ready) < wanted:
            self._ready[:0] = bytes(wanted - len(self._ready))
        pcm = bytes(self._ready[:wanted])
        del self._ready[:wanted]
        return pcm

    def close(self) -> None:
        """PyAV frees it with the object."""
