"""The resampler for files: soxr HQ, of the best quality. It holds back 10 to 170 ms, so it is not for live audio.

Never use soxr QQ: it does not filter when the rate falls, so that everything above Nyquist is folded down (aliasing).
"""

from __future__ import annotations

import numpy as np
import soxr

from offhook_audio.resample import ExactResampler


class FileResampler(ExactResampler):
    """See `ExactResampler`."""

    clipped_samples: int = 0

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz)
        # Not int16: for that soxr adds dither, which turns silence into noise of one step.
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def _convert(self, pcm: bytes, *, last: bool = False) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        converted = self._stream.resample_chunk(samples, last=last)
        rounded = np.rint(converted)
        clipped = np.clip(rounded, -32768, 32767)
        self.clipped_samples += int(np.count_nonzero(np.abs(rounded - clipped) > 1))  # one step is rounding
        pcm_out: bytes = clipped.astype("<i2").tobytes()
        return pcm_out

    def _flush(self) -> bytes:
        return self._convert(b"", last=True)
