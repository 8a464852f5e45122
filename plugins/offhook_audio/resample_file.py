"""The resampler for files: soxr HQ. The best there is, but it holds back 10 to 170 ms, so it is not for live audio.

Never soxr QQ: it has no filter on the way down, so that everything above Nyquist comes through as something else.
"""

from __future__ import annotations

import numpy as np
import soxr

from offhook_audio.resample import ExactResampler


class FileResampler(ExactResampler):
    """See `ExactResampler`."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz)
        # Not int16: there soxr adds dither, and silence would come out as noise of one step.
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def _convert(self, pcm: bytes, *, last: bool = False) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        converted = self._stream.resample_chunk(samples, last=last)
        given: bytes = np.clip(np.rint(converted), -32768, 32767).astype("<i2").tobytes()
        return given

    def _flush(self) -> bytes:
        return self._convert(b"", last=True)
